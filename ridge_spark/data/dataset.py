"""The data set on disk: Parquet shards of 8-bit images, read block by block."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import fs

from ridge_spark.data.same_images import require_same_images
from ridge_spark.data.storage import locate, one_line
from ridge_spark.errors import InputError

if TYPE_CHECKING:
    from ridge_spark.ridge.blocks import Block

FORMAT_VERSION = 1
METADATA_KEY = b"ridge-spark"
SPLITS = ("train", "test")
ONE_FOLDER = "keep one data set in one folder"
MOST_PIXELS = 2**20  # of one image; beyond, X'X alone would take terabytes


@dataclass(frozen=True)
class Description:
    """What the schema metadata of every shard says of the data set."""

    shape: tuple[int, int, int]  # height, width, channels
    class_names: tuple[str, ...]
    source: str
    preparation: dict[str, Any] = field(default_factory=dict)

    @property
    def d(self) -> int:
        """Pixels, that is bytes, in an image."""
        return math.prod(self.shape)

    def schema(self) -> pa.Schema:
        about = {
            "format_version": FORMAT_VERSION,
            "shape": self.shape,
            "class_names": self.class_names,
            "source": self.source,
            "preparation": self.preparation,
        }
        return pa.schema(
            [("image", pa.binary(self.d)), ("label", pa.int32())],
            metadata={METADATA_KEY: json.dumps(about, ensure_ascii=False).encode()},
        )

    @classmethod
    def from_schema(cls, schema: pa.Schema, name: str) -> Description:
        """Read the metadata back; `InputError` if the file is no shard of a data set."""
        try:
            about = json.loads((schema.metadata or {})[METADATA_KEY])
            version = about["format_version"]
            height, width, channels = map(int, about["shape"])
            names = tuple(map(str, about["class_names"]))
            description = cls(
                (height, width, channels), names, str(about["source"]), dict(about["preparation"])
            )
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"{name}: not a shard of a data set of this program; "
                "make one with: ridge-spark import KIND SOURCE --out DIR"
            ) from error
        if version != FORMAT_VERSION:
            raise InputError(
                f"{name}: data set format {version}, but this program reads format "
                f"{FORMAT_VERSION}; import the images again"
            )
        fits = (
            min(description.shape) > 0
            and description.d <= MOST_PIXELS
            and schema.names == ["image", "label"]
            and schema.types == [pa.binary(description.d), pa.int32()]
        )
        if not fits or not names:
            raise InputError(f"{name}: its columns do not fit its image shape; import again")
        return description


@dataclass(frozen=True)
class BlockDescriptor:
    """Where a block is: one row group of one shard. Small, so that it travels instead of images."""

    uri: str  # of the data set
    path: str  # of the shard, on the file system of `uri`
    row_group: int
    first_row: int  # of the split
    rows: int  # to read; the last block of a limited split may be cut short
    classes: int
    d: int


@dataclass(frozen=True)
class Split:
    """One split of a data set: its blocks in order, and what they hold."""

    uri: str
    description: Description
    blocks: Sequence[BlockDescriptor]

    @property
    def rows(self) -> int:
        return sum(block.rows for block in self.blocks)

    def limited(self, rows: int | None) -> Split:
        """The first `rows` images of the split."""
        if rows is None:
            return self
        kept = []
        for block in self.blocks:
            left = rows - block.first_row
            if left > 0:
                kept.append(BlockDescriptor(**{**vars(block), "rows": min(block.rows, left)}))
        return Split(self.uri, self.description, tuple(kept))


def open_split(uri: str, split: str | None = None) -> Split:
    """Find the shards of a split and read their footers, no images.

    `uri` is the data set with `split` given, or the folder of the split itself. The shards follow
    one another in the order of their names, and that order numbers the rows.
    """
    filesystem, root = locate(uri)
    folder = f"{root}/{split}" if split else root
    shards = _shards(filesystem, folder, uri, split)
    description: Description | None = None
    blocks: list[BlockDescriptor] = []
    first_row = 0
    for path in shards:
        footer = _footer(filesystem, path)
        found = Description.from_schema(footer.schema.to_arrow_schema(), path)
        description = description or found
        require_same_images(path, found, description, shards[0], ONE_FOLDER)
        if found.class_names != description.class_names:
            raise InputError(f"{path}: its classes differ from those of {shards[0]}; {ONE_FOLDER}")
        for group in range(footer.num_row_groups):
            rows = footer.row_group(group).num_rows
            if rows == 0:
                continue
            blocks.append(
                BlockDescriptor(uri, path, group, first_row, rows, len(found.class_names), found.d)
            )
            first_row += rows
    if description is None or first_row == 0:
        raise InputError(f"{uri}: the data set holds no images; import it again")
    return Split(uri, description, tuple(blocks))


def find_splits(uri: str) -> list[Split]:
    """The splits of the data set `uri`, or `uri` itself if it is one; none if it is neither."""
    if _has_shards(uri):
        return [open_split(uri)]
    return [
        open_split(f"{uri.rstrip('/')}/{split}")
        for split in SPLITS
        if _has_shards(f"{uri.rstrip('/')}/{split}")
    ]


def read_block(block: BlockDescriptor) -> Block:
    """Read the images and labels of a block; `InputError` if the shard is damaged."""
    from ridge_spark.ridge.blocks import Block  # an import reads none, and starts sooner

    filesystem, _ = locate(block.uri)
    try:
        with filesystem.open_input_file(block.path) as file:
            shard = pq.ParquetFile(file, page_checksum_verification=True)
            table = shard.read_row_group(block.row_group, use_threads=False)
        table = table.slice(0, block.rows)
        images = _pixels(table["image"].combine_chunks(), block.d)
        labels = table["label"].combine_chunks().to_numpy(zero_copy_only=False)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{block.path}: can't be read ({one_line(error)}); import again"
        ) from error
    if len(images) != block.rows or labels.dtype != np.int32:
        raise InputError(f"{block.path}: images or labels are missing in it; import again")
    if labels.min() < 0 or labels.max() >= block.classes:
        raise InputError(
            f"{block.path}: a label is outside 0 to {block.classes - 1}, the classes of the data "
            "set; import again"
        )
    return Block(block.first_row, images, labels)


def read_blocks(blocks: Sequence[BlockDescriptor]) -> Iterator[Block]:
    return map(read_block, blocks)


def _has_shards(uri: str) -> bool:
    filesystem, folder = locate(uri)
    try:
        found = filesystem.get_file_info(fs.FileSelector(folder, allow_not_found=True))
        return any(info.path.endswith(".parquet") for info in found)
    except (OSError, pa.ArrowException, UnicodeError):  # names that Arrow can't have are not ours
        return False


def _footer(filesystem: fs.FileSystem, path: str) -> pq.FileMetaData:
    try:
        with filesystem.open_input_file(path) as file:
            return pq.ParquetFile(file).metadata
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path}: not a readable Parquet file ({one_line(error)}); import the data set again"
        ) from error


def _shards(filesystem: fs.FileSystem, folder: str, uri: str, split: str | None) -> list[str]:
    try:
        found = filesystem.get_file_info(fs.FileSelector(folder))
    except FileNotFoundError:
        found = []
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{uri}: can't be read ({one_line(error)})") from error
    shards = sorted(info.path for info in found if info.path.endswith(".parquet"))
    if not shards:
        where = f"the folder '{split}' with " if split else "a folder with "
        raise InputError(
            f"{uri}: not a data set, {where}Parquet files is missing; "
            "make one with: ridge-spark import KIND SOURCE --out DIR"
        )
    return shards


def _pixels(column: pa.FixedSizeBinaryArray, d: int) -> NDArray[np.uint8]:
    if column.null_count:
        raise pa.ArrowInvalid("an image is missing")
    _, data = column.buffers()
    return np.frombuffer(data, np.uint8, len(column) * d, column.offset * d).reshape(-1, d)
