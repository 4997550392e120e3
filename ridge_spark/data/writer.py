"""Writing a data set: Parquet shards by streaming, in constant memory, all or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import fs

from ridge_spark.data import manifest
from ridge_spark.data.description import SPLITS, Description
from ridge_spark.data.manifest import Manifest, Shard
from ridge_spark.data.output import Output, attempt, settled
from ridge_spark.data.storage import locate, one_line, write_new
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

    Whoever tries again writes under other names: they have `writing`, the name of the whole import,
    and a number drawn for this attempt in them. `shards` lists what was written, by split, once
    this is closed.

    A context manager: what is left is written at the end, unless there was an error.
    """

    def __init__(self, uri: str, description: Description, part: str, writing: str) -> None:
        self.description = description
        self.filesystem, self.folder = locate(uri)
        self.part, self.writing = part, writing
        self.splits: dict[str, _SplitWriter] = {}

    @property
    def shards(self) -> dict[str, list[Shard]]:
        return {split: writer.written for split, writer in self.splits.items()}

    def append(self, split: str, images: NDArray[np.uint8], labels: NDArray[np.integer]) -> None:
        """Add images, (n, d) or (n, height, width[, channels]), with their labels, (n,)."""
        if split not in self.splits:
            folder = f"{self.folder}/{split}"
            self.filesystem.create_dir(folder, recursive=True)
            self.splits[split] = _SplitWriter(
                self.filesystem, folder, self.part, self.writing, self.description
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

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self.close()
        else:
            self.abandon()


class DatasetWriter(PartWriter):
    """Writes one data set, or is around those who write its parts to `unfinished`.

    What is in the data set is decided once, at the end, by its manifest: its own shards and those
    that it was told to `include`. Locally everything goes to a folder beside `uri`, of a name never
    used before, which takes the place of `uri` when all is written. An object store can't rename:
    there the manifest is written last, and only if there is none; until then, and where an import
    was killed, the shards are no data set to anyone.
    """

    def __init__(self, uri: str, description: Description) -> None:
        self.uri, self.output = uri, Output(uri)
        self.unfinished, self.writing = self.output.folder, self.output.writing
        self.parts: dict[str, list[Shard]] = {}
        super().__init__(self.unfinished, description, "part", self.writing)

    def include(self, shards: Mapping[str, Sequence[Shard]]) -> None:
        """Make shards that others have written to `unfinished` part of the data set."""
        for split, some in shards.items():
            self.parts.setdefault(split, []).extend(some)

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._commit()
                return
        except OSError as failure:
            self._remove()
            raise InputError(f"{self.uri}: can't be written ({one_line(failure)})") from failure
        self._remove()
        if isinstance(error, OSError) and not isinstance(error, InputError):
            raise InputError(f"{self.uri}: can't be written ({one_line(error)})") from error

    def _commit(self) -> None:
        self.close()
        self.include(self.shards)
        splits = {
            split: tuple(sorted(self.parts[split], key=lambda shard: shard.name))
            for split in SPLITS
            if split in self.parts
        }
        if self.output.local:
            splits = {split: self._named(split, shards) for split, shards in splits.items()}
        writing = "" if self.output.local else self.writing
        text = Manifest(self.description, splits, writing).to_json()
        if self.output.local:
            Path(self.folder, manifest.NAME).write_bytes(text)
            self.output.publish()
        else:
            write_new(f"{self.uri}/{manifest.NAME}", text)

    def _named(self, split: str, shards: Sequence[Shard]) -> tuple[Shard, ...]:
        """The shards of a split under the names that they have from now on."""
        self.output.keep([shard.name for shard in shards], split)
        return tuple(replace(shard, name=settled(shard.name)) for shard in shards)

    def _remove(self) -> None:
        """Take away what was written, and nothing that anybody else has."""
        self.abandon()
        self.output.remove()


class _SplitWriter:
    """Cuts what arrives into blocks of equal size and starts a new shard every few blocks."""

    def __init__(
        self,
        filesystem: fs.FileSystem,
        folder: str,
        part: str,
        writing: str,
        description: Description,
    ) -> None:
        self.filesystem, self.folder, self.part, self.writing = filesystem, folder, part, writing
        self.description = description
        self.rows = block_rows(description.d)
        self.images = np.empty((self.rows, description.d), np.uint8)
        self.labels = np.empty(self.rows, np.int32)
        self.filled = 0
        self.written: list[Shard] = []
        self.shard: _ShardWriter | None = None

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
        self._end_shard()

    def abandon(self) -> None:
        with suppress(OSError):  # what is abandoned need not be whole
            self._end_shard()

    def _end_shard(self) -> None:
        shard, self.shard = self.shard, None
        if shard:
            self.written.append(shard.close())

    def _write_block(self) -> None:
        if self.shard is None:
            name = attempt(f"{self.part}-{len(self.written):05d}", self.writing)
            self.shard = _ShardWriter(self.filesystem, self.folder, name, self.description)
        self.shard.write(self.images[: self.filled], self.labels[: self.filled])
        self.filled = 0
        if len(self.shard.blocks) == BLOCKS_PER_SHARD:
            self._end_shard()


class _ShardWriter:
    """Writes one Parquet file, and knows what was in it in the end."""

    def __init__(
        self, filesystem: fs.FileSystem, folder: str, name: str, description: Description
    ) -> None:
        self.name, self.schema = name, description.schema()
        self.blocks: list[int] = []
        self.counts = np.zeros(len(description.class_names), np.int64)
        self.stream = HashedStream(filesystem.open_output_stream(f"{folder}/{name}"))
        self.parquet = pq.ParquetWriter(
            pa.PythonFile(self.stream, "w"),
            self.schema,
            compression="lz4",  # decodes at memory speed, several times faster than zstd
            use_dictionary=False,
            write_statistics=False,
            write_batch_size=max(1, PAGE_BYTES // description.d),  # rows; a page ends with a batch
            data_page_size=PAGE_BYTES,
            write_page_checksum=True,  # a damaged image is noticed when it is read
        )

    def write(self, images: NDArray[np.uint8], labels: NDArray[np.int32]) -> None:
        n = len(images)
        columns = [
            pa.Array.from_buffers(kind, n, [None, pa.py_buffer(values)])
            for kind, values in zip(self.schema.types, (images, labels), strict=True)
        ]
        self.parquet.write_table(pa.table(columns, schema=self.schema), row_group_size=n)
        self.blocks.append(n)
        self.counts += np.bincount(labels, minlength=len(self.counts))

    def close(self) -> Shard:
        self.parquet.close()
        self.stream.close()
        return Shard(
            self.name,
            self.stream.size,
            self.stream.digest.hexdigest(),
            tuple(self.blocks),
            tuple(self.counts.tolist()),
        )


class HashedStream:
    """Passes on what is written to `stream`, and keeps its size and SHA-256."""

    closed = False

    def __init__(self, stream: pa.NativeFile) -> None:
        self.stream, self.size, self.digest = stream, 0, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.stream.write(data)
        self.digest.update(data)
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self.stream.flush()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.stream.close()


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
