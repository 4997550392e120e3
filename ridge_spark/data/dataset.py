"""The data set on disk: Parquet shards of 8-bit images, read block by block."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import fs

from ridge_spark.data import manifest as manifests
from ridge_spark.data.description import SPLITS, Description
from ridge_spark.data.same_images import require_same_images
from ridge_spark.data.shards import Folder, Stamp, list_shards, require_unchanged
from ridge_spark.data.storage import locate, one_line
from ridge_spark.errors import InputError

if TYPE_CHECKING:
    from ridge_spark.ridge.blocks import Block

log = logging.getLogger(__name__)

ONE_FOLDER = "keep one data set in one folder"


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
    stamps: Mapping[str, Stamp] = field(default_factory=dict)  # of all shards, when it was opened

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
        return replace(self, blocks=tuple(kept))

    def require_unchanged(self) -> None:
        """`InputError` if a shard is not the one that was there when the split was opened."""
        if self.blocks and self.stamps:
            require_unchanged(self.uri, self.blocks[0].path.rpartition("/")[0], self.stamps)


def open_split(uri: str, split: str | None = None) -> Split:
    """The split of that name of the data set `uri`, or the split whose folder `uri` is.

    No image is read. `InputError` where there is none, or not all of it.
    """
    found = find_split(uri, split)
    if not found:
        whole, _, name = uri.rstrip("/").rpartition("/")
        if split and name in SPLITS and find_split(whole or ".", name):
            raise InputError(f"{uri}: is one split of a data set; give {whole or '.'}")
        place = f"the folder '{split}' with " if split else "a folder with "
        raise InputError(
            f"{uri}: not a data set, {place}Parquet files is missing; "
            "make one with: ridge-spark import KIND SOURCE --out DIR"
        )
    return found


def find_split(uri: str, split: str | None = None) -> Split | None:
    """The same, or None where there is no such split.

    What the manifest lists must be there, and nothing else. Without a manifest, as in data sets of
    earlier versions, the footers of the shards tell, in the order of the shards' names.
    """
    where = Folder.of(uri, split)
    manifest, shards = _manifest(where), list_shards(where)
    if manifest and (shards or where.name in manifest.splits):
        return _listed_split(uri, where, manifest, shards)
    if not shards:
        return None
    if any(manifests.ATTEMPT.search(name) for name in shards):
        raise InputError(
            f"{uri}: the import that wrote it never came to its end; remove it and import again"
        )
    log.warning(
        "%s: has no %s, so that missing or foreign shards can't be noticed; where its images are "
        "known to be right, write one with: ridge-spark verify --write", uri, manifests.NAME,
    )  # fmt: skip
    return _split_of_footers(uri, where, shards)


def find_splits(uri: str) -> list[Split]:
    """The splits of the data set `uri`, or `uri` itself if it is one; none if it is neither."""
    alone = find_split(uri)
    if alone:
        return [alone]
    folders = (f"{uri.rstrip('/')}/{split}" for split in SPLITS)
    return [found for folder in folders if (found := find_split(folder))]


def require_splits(uri: str, name: str, remedy: str = "") -> list[Split]:
    """As `find_splits`; `InputError`, which calls it `name`, where there are none."""
    splits = find_splits(uri)
    if not splits:
        raise InputError(f"{name}: not a data set; make one with: ridge-spark import{remedy}")
    return splits


def _manifest(where: Folder) -> manifests.Manifest | None:
    """The manifest of the data set that the folder is a split of, or None where there is none."""
    if where.name not in SPLITS:
        return None
    return manifests.read(where.filesystem, where.path.rpartition("/")[0])


def _listed_split(
    uri: str, where: Folder, manifest: manifests.Manifest, shards: Mapping[str, Stamp]
) -> Split:
    """The split that a manifest describes, once the shards that are there are those it lists."""
    if where.name not in manifest.splits:
        raise InputError(
            f"{where.path}: has shards, but the data set has no such split, says {manifests.NAME}; "
            "remove them, or import the images again"
        )
    sizes = {name: stamp.bytes for name, stamp in shards.items()}
    manifest.require_listed(where.name, sizes, where.path)
    listed = manifest.splits[where.name]
    stamps = {shard.name: replace(shards[shard.name], sha256=shard.sha256) for shard in listed}
    groups = [(f"{where.path}/{shard.name}", shard.blocks) for shard in listed]
    return _split_of(uri, manifest.description, groups, stamps)


def _split_of_footers(uri: str, where: Folder, shards: Mapping[str, Stamp]) -> Split:
    """The split that the footers of its shards describe."""
    description: Description | None = None
    names = sorted(shards)
    groups: list[tuple[str, Sequence[int]]] = []
    for name in names:
        path = f"{where.path}/{name}"
        footer = footer_of(where.filesystem, path)
        found = Description.from_schema(footer.schema.to_arrow_schema(), path)
        description = description or found
        require_same_images(path, found, description, names[0], ONE_FOLDER)
        if found.class_names != description.class_names:
            raise InputError(f"{path}: its classes differ from those of {names[0]}; {ONE_FOLDER}")
        groups.append((path, rows_of_groups(footer)))
    assert description is not None  # there is a shard, or there would be no split
    return _split_of(uri, description, groups, shards)


def _split_of(
    uri: str,
    description: Description,
    shards: Iterable[tuple[str, Sequence[int]]],
    stamps: Mapping[str, Stamp],
) -> Split:
    """The split that consists of these shards, each with the rows of its row groups."""
    classes, d = len(description.class_names), description.d
    blocks: list[BlockDescriptor] = []
    first_row = 0
    for path, groups in shards:
        for group, rows in enumerate(groups):
            if rows:
                blocks.append(BlockDescriptor(uri, path, group, first_row, rows, classes, d))
            first_row += rows
    if not blocks:
        raise InputError(f"{uri}: the data set holds no images; import it again")
    return Split(uri, description, tuple(blocks), stamps)


def read_block(block: BlockDescriptor) -> Block:
    """Read the images and labels of a block; `InputError` if the shard is damaged."""
    from ridge_spark.ridge.blocks import Block  # an import reads none, and starts sooner

    with _opened(block) as shard:
        table = shard.read_row_group(block.row_group, use_threads=False).slice(0, block.rows)
        images = _pixels(table["image"].combine_chunks(), block.d)
        labels = table["label"].combine_chunks().to_numpy(zero_copy_only=False)
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


def read_split(split: Split) -> Iterator[Block]:
    """All blocks of a split; `InputError` at the end if its shards have changed meanwhile."""
    yield from read_blocks(split.blocks)
    split.require_unchanged()


def count_labels(split: Split) -> NDArray[np.int64]:
    """Images of each class, from the labels alone; shape (classes,)."""
    counts = np.zeros(len(split.description.class_names), np.int64)
    for block in split.blocks:
        with _opened(block) as shard:
            table = shard.read_row_group(block.row_group, ["label"], use_threads=False)
        labels = table["label"].to_numpy()[: block.rows]
        counts += np.bincount(labels, minlength=len(counts))[: len(counts)]
    return counts


@contextmanager
def _opened(block: BlockDescriptor) -> Iterator[pq.ParquetFile]:
    """The shard of a block; what fails in reading it becomes an `InputError`."""
    filesystem, _ = locate(block.uri)
    try:
        with filesystem.open_input_file(block.path) as file:
            yield pq.ParquetFile(file, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{block.path}: can't be read ({one_line(error)}); import again"
        ) from error


def rows_of_groups(footer: pq.FileMetaData) -> list[int]:
    """Rows of each row group of a Parquet file."""
    return [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]


def footer_of(filesystem: fs.FileSystem, path: str) -> pq.FileMetaData:
    try:
        with filesystem.open_input_file(path) as file:
            return pq.ParquetFile(file).metadata
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path}: not a readable Parquet file ({one_line(error)}); import the data set again"
        ) from error


def _pixels(column: pa.FixedSizeBinaryArray, d: int) -> NDArray[np.uint8]:
    if column.null_count:
        raise pa.ArrowInvalid("an image is missing")
    _, data = column.buffers()
    return np.frombuffer(data, np.uint8, len(column) * d, column.offset * d).reshape(-1, d)
