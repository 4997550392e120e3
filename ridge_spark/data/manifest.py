"""The manifest of a data set: every shard with its size, hash, blocks and classes; written last."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pyarrow import fs

from ridge_spark.data.description import SPLITS, Description
from ridge_spark.data.sealed import Format
from ridge_spark.data.storage import read_whole
from ridge_spark.errors import InputError

NAME = "manifest.json"
FORMAT = Format("ridge-spark data set", 1, frozenset({"writing", *Description.KEYS, "splits"}))
LARGEST = 2**28  # bytes of a manifest that are read: a million shards would have less
SHARD_NAME = re.compile(r"[\w.-]+\.parquet", re.ASCII)
ATTEMPT = re.compile(r"\.[0-9a-f]{12}\.[0-9a-f]{8}\.parquet$")  # in names until an import is done
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Shard:
    """One Parquet file of a split, as it was when it had been written."""

    name: str
    bytes: int
    sha256: str
    blocks: tuple[int, ...]  # rows of each row group
    counts: tuple[int, ...]  # images of each class


@dataclass(frozen=True)
class Manifest:
    """What a complete data set consists of.

    The shards of a split follow one another in the order they have here, which numbers its rows.
    `writing` is the name of the import that wrote them: on an object store, where what a lost
    attempt of a task wrote can't be kept apart, all its shards have it in their names.
    """

    description: Description
    splits: Mapping[str, tuple[Shard, ...]]
    writing: str

    def to_json(self) -> bytes:
        about = {
            "writing": self.writing,
            **self.description.to_dict(),
            "splits": {
                split: [asdict(shard) for shard in shards] for split, shards in self.splits.items()
            },
        }
        return FORMAT.seal(about)

    @classmethod
    def from_json(cls, text: bytes, where: str) -> Manifest:
        """Read what `to_json` wrote; `InputError` names `where` it stands if it is not that."""
        sound, remedy = "the images are as they were", "; import the images again"
        with FORMAT.unsealed(text, where, sound, remedy) as about:
            description = Description.from_dict(about)
            splits = {
                split: tuple(_shard(entry, len(description.class_names)) for entry in entries)
                for split, entries in about["splits"].items()
            }
            writing = about["writing"]
            for shards in splits.values():
                if len({shard.name for shard in shards}) < len(shards):
                    raise ValueError("a shard is listed twice")
            if not isinstance(writing, str) or not splits or not set(splits) <= set(SPLITS):
                raise ValueError("splits")
            return cls(description, splits, writing)

    def require_listed(self, split: str, found: Mapping[str, int], where: str) -> None:
        """`InputError` unless the shards `found`, their sizes by name, are those of the split."""
        listed = {shard.name: shard.bytes for shard in self.splits[split]}
        missing = sorted(listed.keys() - found.keys())
        foreign = sorted(name for name in found.keys() - listed.keys() if not self._wrote(name))
        changed = sorted(name for name in listed if found.get(name, listed[name]) != listed[name])
        for names, problem in (
            (missing, "is missing"),
            (foreign, "is not one of this data set's"),
            (changed, "has not the size it was written with"),
        ):
            if names:
                others = f", and {len(names) - 1:,} more," if len(names) > 1 else ""
                raise InputError(
                    f"{where}/{names[0]}:{others} {problem}, says {NAME}; put back what was there, "
                    "or import the images again"
                )

    def _wrote(self, name: str) -> bool:
        """Whether a lost attempt of the same import left the shard behind."""
        return bool(self.writing) and f".{self.writing}." in name


def read(filesystem: fs.FileSystem, root: str) -> Manifest | None:
    """The manifest of the data set in the folder `root`, or None where there is none."""
    path = f"{root}/{NAME}"
    text = read_whole(filesystem, path, LARGEST)
    return None if text is None else Manifest.from_json(text, path)


def _shard(entry: Any, classes: int) -> Shard:
    blocks, counts = tuple(entry["blocks"]), tuple(entry["counts"])
    shard = Shard(entry["name"], entry["bytes"], entry["sha256"], blocks, counts)
    numbers: Sequence[Any] = (shard.bytes, *shard.blocks, *shard.counts)
    if (
        not SHARD_NAME.fullmatch(shard.name)
        or not SHA256.fullmatch(shard.sha256)
        or not all(type(number) is int and number >= 0 for number in numbers)
        or len(shard.counts) != classes
        or sum(shard.counts) != sum(shard.blocks)
    ):
        raise ValueError(f"shard {shard.name}")
    return shard
