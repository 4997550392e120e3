"""Writing a data set: Parquet shards by streaming, in constant memory, all or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import fs

from ridge_spark.data.dataset import Description
from ridge_spark.data.storage import exists, is_local, locate, one_line
from ridge_spark.errors import InputError

BLOCK_BYTES = 4 * 2**20
MOST_BLOCK_ROWS = 4096
FEWEST_BLOCK_ROWS = 256
BLOCKS_PER_SHARD = 8
PAGE_BYTES = 2**20  # of a block: it is compressed and checked by the page


def block_rows(d: int) -> int:
    """Images in a block: a few megabytes, a few thousand rows at most."""
    return min(MOST_BLOCK_ROWS, max(FEWEST_BLOCK_ROWS, BLOCK_BYTES // d))


class PartWriter:
    """Writes images to the splits in a folder, into shards whose names start with `part`.

    A context manager: what is left is written at the end, unless there was an error.
    """

    def __init__(self, uri: str, description: Description, part: str) -> None:
        self.description, self.part = description, part
        self.filesystem, self.folder = locate(uri)
        self.splits: dict[str, _SplitWriter] = {}

    def append(self, split: str, images: NDArray[np.uint8], labels: NDArray[np.integer]) -> None:
        """Add images, (n, d) or (n, height, width[, channels]), with their labels, (n,)."""
        if split not in self.splits:
            folder = f"{self.folder}/{split}"
            self.filesystem.create_dir(folder, recursive=True)
            self.splits[split] = _SplitWriter(
                self.filesystem, f"{folder}/{self.part}", self.description
            )
        self.splits[split].append(
            images.reshape(len(images), self.description.d), labels.astype(np.int32)
        )

    def close(self) -> None:
        """Write what is left; nothing can be added any more."""
        for writer in self.splits.values():
            writer.close()

    def abandon(self) -> None:
        """Close the shards as they are."""
        for writer in self.splits.values():
            writer.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


class DatasetWriter(PartWriter):
    """Writes one data set, or is around those who write its parts to `unfinished`.

    Locally everything goes to a folder beside `uri` that takes its name only when all is written.
    An object store can't rename: there the shards are removed again if the writing fails.
    """

    def __init__(self, uri: str, description: Description) -> None:
        if exists(uri):
            raise InputError(f"{uri}: exists already; choose another --out or remove it first")
        self.uri, self.target = uri, locate(uri)[1]
        self.local = is_local(uri)
        self.unfinished = f"{self.target}.partial-{os.getpid()}" if self.local else uri
        super().__init__(self.unfinished, description, "part")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.close()
                if self.local:
                    self.filesystem.move(self.folder, self.target)
                return
        except OSError as failure:
            self._remove()
            raise InputError(f"{self.uri}: can't be written ({one_line(failure)})") from failure
        self._remove()
        if isinstance(error, OSError) and not isinstance(error, InputError):
            raise InputError(f"{self.uri}: can't be written ({one_line(error)})") from error

    def _remove(self) -> None:
        self.abandon()
        if self.filesystem.get_file_info(self.folder).type != fs.FileType.NotFound:
            self.filesystem.delete_dir(self.folder)


class _SplitWriter:
    """Cuts what arrives into blocks of equal size and starts a new shard every few blocks."""

    def __init__(self, filesystem: fs.FileSystem, prefix: str, description: Description) -> None:
        self.filesystem, self.prefix = filesystem, prefix
        self.schema, self.d = description.schema(), description.d
        self.rows = block_rows(self.d)
        self.images = np.empty((self.rows, self.d), np.uint8)
        self.labels = np.empty(self.rows, np.int32)
        self.filled = self.shards = self.blocks = 0
        self.parquet: pq.ParquetWriter | None = None

    def append(self, images: NDArray[np.uint8], labels: NDArray[np.int32]) -> None:
        start = 0
        while start < len(images):
            taken = min(len(images) - start, self.rows - self.filled)
            into = slice(self.filled, self.filled + taken)
            self.images[into] = images[start : start + taken]
            self.labels[into] = labels[start : start + taken]
            start += taken
            self.filled += taken
            if self.filled == self.rows:
                self._write_block()

    def close(self) -> None:
        if self.filled:
            self._write_block()
        self.abandon()

    def abandon(self) -> None:
        if self.parquet:
            self.parquet.close()
            self.parquet = None

    def _write_block(self) -> None:
        if self.parquet is None:
            path = f"{self.prefix}-{self.shards:05d}.parquet"
            self.parquet = pq.ParquetWriter(
                path,
                self.schema,
                filesystem=self.filesystem,
                compression="lz4",  # decodes at memory speed, several times faster than zstd
                use_dictionary=False,
                write_statistics=False,
                write_batch_size=max(1, PAGE_BYTES // self.d),  # rows; a page ends with a batch
                data_page_size=PAGE_BYTES,
                write_page_checksum=True,  # a damaged image is noticed when it is read
            )
            self.shards += 1
        n, buffer = self.filled, pa.py_buffer
        images = pa.Array.from_buffers(pa.binary(self.d), n, [None, buffer(self.images[:n])])
        labels = pa.Array.from_buffers(pa.int32(), n, [None, buffer(self.labels[:n])])
        table = pa.table([images, labels], schema=self.schema)
        self.parquet.write_table(table, row_group_size=self.rows)
        self.filled = 0
        self.blocks += 1
        if self.blocks % BLOCKS_PER_SHARD == 0:
            self.abandon()


Chunk = tuple[NDArray[np.uint8], NDArray[np.integer]]


def write_dataset(
    uri: str, description: Description, splits: dict[str, Iterable[Chunk]]
) -> dict[str, int]:
    """Stream every split's chunks of images and labels to `uri`; returns the images in each."""
    written: dict[str, int] = {}
    with DatasetWriter(uri, description) as writer:
        for split, chunks in splits.items():
            written[split] = 0
            for images, labels in chunks:
                writer.append(split, images, labels)
                written[split] += len(images)
    return written
