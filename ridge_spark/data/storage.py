"""Where data sets and runs live: a local path or an object store, through pyarrow.fs."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from pyarrow import ArrowException, fs

from ridge_spark.errors import InputError


def locate(uri: str) -> tuple[fs.FileSystem, str]:
    """Return the file system of a local path or an `s3://` address, and the path on it."""
    uri = str(uri)
    if not is_remote(uri):
        return fs.LocalFileSystem(), str(Path(uri).absolute())
    try:
        filesystem, path = fs.FileSystem.from_uri(uri)
    except (ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{uri}: can't be opened ({one_line(error)}); give a local path or s3://bucket/prefix"
        ) from error
    path = re.sub("/+", "/", path).rstrip("/")
    if not path:
        raise InputError(f"{uri}: names no place in it; give s3://bucket/prefix")
    return filesystem, path


def is_remote(uri: str) -> bool:
    """True for an address, such as s3://bucket/prefix, and not for a path of this machine."""
    return "://" in str(uri)


def is_local(uri: str) -> bool:
    return isinstance(locate(uri)[0], fs.LocalFileSystem)


def exists(uri: str) -> bool:
    """True if there is a file or folder at `uri`; `InputError` if that can't be found out."""
    filesystem, path = locate(uri)
    try:
        return filesystem.get_file_info(path).type != fs.FileType.NotFound
    except (ArrowException, OSError) as error:
        raise InputError(f"{uri}: can't be reached ({one_line(error)})") from error


def upload(folder: Path, uri: str) -> None:
    """Copy the files of a local folder below `uri`; removes what it wrote if it can't finish."""
    filesystem, target = locate(uri)
    try:
        fs.copy_files(str(folder), target, destination_filesystem=filesystem)
    except OSError as error:
        with suppress(OSError):  # what stopped the copying may stop this too
            filesystem.delete_dir_contents(target, missing_dir_ok=True)
        raise InputError(f"{uri}: can't be written ({one_line(error)})") from error


def without_secrets(text: str) -> str:
    """`text` with what an address in it holds before an @, a key or a password, taken out."""
    return re.sub(r"(://)[^/@\s]+@", r"\1", text)


def download(uri: str, path: Path) -> bool:
    """Copy the file at `uri` to `path`; False if there is none."""
    filesystem, source = locate(uri)
    try:
        if filesystem.get_file_info(source).type != fs.FileType.File:
            return False
        fs.copy_files(source, str(path), source_filesystem=filesystem)
    except OSError as error:
        raise InputError(f"{uri}: can't be read ({one_line(error)})") from error
    return True


def one_line(error: Exception) -> str:
    """The first line of what an error says, or its kind if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
