"""The Parquet files of a split: listed, and still the same ones when they have been read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyarrow import ArrowException, fs

from ridge_spark.data.storage import locate, one_line
from ridge_spark.errors import InputError

READ_BYTES = 2**23  # at a time


@dataclass(frozen=True)
class Folder:
    """The folder of a split."""

    filesystem: fs.FileSystem
    path: str

    @classmethod
    def of(cls, uri: str, split: str | None = None) -> Folder:
        """That of a split of the data set `uri`, or `uri` itself."""
        filesystem, root = locate(uri)
        return cls(filesystem, f"{root}/{split}" if split else root)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Stamp:
    """What a listing says of a file: by another one, it is known to have been replaced."""

    bytes: int
    changed: int | None  # nanoseconds since the epoch, as far as the store knows them
    sha256: str = field(default="", compare=False)  # where a manifest tells


def list_shards(where: Folder) -> dict[str, Stamp]:
    """The shards in a folder, by name; none if there is no such folder."""
    try:
        found = where.filesystem.get_file_info(fs.FileSelector(where.path, allow_not_found=True))
        return {
            info.base_name: Stamp(info.size or 0, info.mtime_ns)
            for info in found
            if info.type == fs.FileType.File and info.base_name.endswith(".parquet")
        }
    except (NotADirectoryError, UnicodeError):  # where names are not UTF-8, no shards are of ours
        return {}
    except (OSError, ArrowException) as error:  # absent is one thing, unreadable another
        raise InputError(f"{where.path}: can't be read ({one_line(error)})") from error


def require_unchanged(uri: str, folder: str, stamps: Mapping[str, Stamp]) -> None:
    """`InputError` unless the shards are those that were there when the folder was opened.

    `folder` is a path on the file system of `uri`. What was read of one that has been replaced
    meanwhile is of two sets of images. One that was only copied again is known by its hash.
    """
    where = Folder(locate(uri)[0], folder)
    found = list_shards(where)
    for name, stamp in stamps.items():
        if found.get(name) != stamp and not _is_copy(where, name, found.get(name), stamp):
            done = "replaced" if name in found else "removed"
            raise InputError(
                f"{folder}/{name}: has been {done} while it was read; run the command again when "
                "nobody writes there"
            )


def _is_copy(where: Folder, name: str, now: Stamp | None, before: Stamp) -> bool:
    """Whether the bytes of a shard are those that the manifest lists, whoever put them there."""
    if now is None or not before.sha256 or now.bytes != before.bytes:
        return False
    return sha256_of(where.filesystem, f"{where.path}/{name}") == before.sha256


def sha256_of(filesystem: fs.FileSystem, path: str) -> str:
    """SHA-256 of a file, read in parts; `InputError` if it can't be read."""
    digest = hashlib.sha256()
    try:
        with filesystem.open_input_stream(path, compression=None) as stream:
            while some := stream.read(READ_BYTES):
                digest.update(some)
    except (OSError, ArrowException) as error:
        raise InputError(f"{path}: can't be read ({one_line(error)})") from error
    return digest.hexdigest()
