"""The Parquet files of a split: listed, and still the same ones when they have been read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyarrow import ArrowException, fs

from ridge_spark.data.storage import locate, one_line
from ridge_spark.errors import InputError


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
    meanwhile is of two sets of images.
    """
    found = list_shards(Folder(locate(uri)[0], folder))
    for name, stamp in stamps.items():
        if found.get(name) != stamp:
            done = "replaced" if name in found else "removed"
            raise InputError(
                f"{folder}/{name}: has been {done} while it was read; run the command again when "
                "nobody writes there"
            )
