"""What a data set says of its images: shape, class names, source, preparation; and its schema."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa

from ridge_spark.errors import MALFORMED, InputError, require_text
from ridge_spark.printable import without_secrets

FORMAT_VERSION = 1
METADATA_KEY = b"ridge-spark"
SPLITS = ("train", "test")
MOST_PIXELS = 2**20  # of one image


@dataclass(frozen=True)
class Description:
    """What the manifest, and the schema metadata of every shard, say of the data set."""

    shape: tuple[int, int, int]  # height, width, channels
    class_names: tuple[str, ...]
    source: str
    preparation: dict[str, Any] = field(default_factory=dict)

    KEYS: ClassVar = ("shape", "class_names", "source", "preparation")

    @property
    def d(self) -> int:
        """Pixels, that is bytes, in an image."""
        return math.prod(self.shape)

    def to_dict(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "class_names": list(self.class_names),
            "source": without_secrets(self.source),
            "preparation": self.preparation,
        }

    @classmethod
    def from_dict(cls, about: Mapping[str, Any]) -> Description:
        """The reverse of `to_dict`; any of the usual errors where `about` is nothing like it."""
        height, width, channels = about["shape"]
        if not all(type(size) is int for size in (height, width, channels)):
            raise ValueError("shape")
        require_text({key: about[key] for key in cls.KEYS})
        names = tuple(map(str, about["class_names"]))
        if len(set(names)) < len(names):
            raise ValueError("two classes of one name")
        description = cls(
            (height, width, channels), names, str(about["source"]), dict(about["preparation"])
        )
        if min(description.shape) <= 0 or description.d > MOST_PIXELS or not names:
            raise ValueError("shape or classes")
        return description

    def schema(self) -> pa.Schema:
        about = {"format_version": FORMAT_VERSION, **self.to_dict()}
        return pa.schema(
            [("image", pa.binary(self.d)), ("label", pa.int32())],
            metadata={METADATA_KEY: json.dumps(about, ensure_ascii=False).encode()},
        )

    @classmethod
    def from_schema(cls, schema: pa.Schema, name: str) -> Description:
        """Read the metadata back; `InputError` if the file is no shard of a data set."""
        try:
            about = json.loads((schema.metadata or {})[METADATA_KEY])
            version, description = about["format_version"], cls.from_dict(about)
        except MALFORMED as error:
            raise InputError(
                f"{name}: not a shard of a data set of this program; "
                "make one with: ridge-spark import KIND SOURCE --out DIR"
            ) from error
        if version != FORMAT_VERSION:
            raise InputError(
                f"{name}: data set format {version}, but this program reads format "
                f"{FORMAT_VERSION}; import the images again"
            )
        fits = schema.names == ["image", "label"] and schema.types == [
            pa.binary(description.d),
            pa.int32(),
        ]
        if not fits:
            raise InputError(f"{name}: its columns do not fit its image shape; import again")
        return description
