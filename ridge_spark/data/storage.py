"""Where data sets and runs live: a local path or an object store, through pyarrow.fs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pyarrow import ArrowException, fs

from ridge_spark.errors import InputError

SCHEMES = ("s3", "file")
COPIED_BYTES = 2**23  # at a time
LOST_THE_RACE = ("PreconditionFailed", "ConditionalRequestConflict")


def locate(uri: str) -> tuple[fs.FileSystem, str]:
    """Return the file system of a local path or an `s3://` address, and the path on it."""
    uri = str(uri)
    if not is_remote(uri):
        return fs.LocalFileSystem(), str(Path(uri).absolute())
    scheme = uri.partition("://")[0].lower()
    if scheme not in SCHEMES:  # Arrow would try some others for a quarter of an hour
        raise InputError(
            f"{uri}: {scheme}:// is not read by this program; give a local path or s3://bucket/prefix"
        )
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


def upload(files: Sequence[Path], uri: str) -> None:
    """Copy files of this machine below `uri`, one after the other.

    The first is written only if there is none: of two who upload to one place, one fails there,
    before it has touched what the other has. Every copy is looked at when it is there. What was
    written is removed again if not all of it can be, the first file last.
    """
    filesystem, target = locate(uri)
    first, *others = files
    written: list[str] = []
    try:
        write_new(f"{uri.rstrip('/')}/{first.name}", first.read_bytes())
        written.append(f"{target}/{first.name}")
        for path in others:
            written.append(f"{target}/{path.name}")
            _copy(path, filesystem, written[-1])
    except BaseException as error:
        for path_there in reversed(written):
            with suppress(OSError, ArrowException):  # what stopped the copying may stop this too
                filesystem.delete_file(path_there)
        if isinstance(error, OSError | ArrowException):
            raise InputError(f"{uri}: can't be written ({one_line(error)})") from error
        raise


def _copy(path: Path, filesystem: fs.FileSystem, target: str) -> None:
    """Copy one file; `OSError` unless all of it has arrived."""
    with path.open("rb") as source, filesystem.open_output_stream(target) as copy:
        shutil.copyfileobj(source, copy, COPIED_BYTES)
    size, wanted = filesystem.get_file_info(target).size, path.stat().st_size
    if size != wanted:
        raise OSError(f"{target} has {size} bytes, not {wanted}")


def beside(target: str) -> str:
    """A path to write to until it takes the name of `target`; never used before.

    A random one, and not the number of a process: those of two containers are the same.
    """
    return f"{target}.partial-{token_hex(6)}"


def write_beside(folder: str, name: str, content: bytes) -> None:
    """Write a local file under another name, then rename it: others see all of it or nothing."""
    target = Path(folder, name)
    partial = target.with_name(f".{name}.{token_hex(4)}")
    try:
        partial.write_bytes(content)
        partial.rename(target)
    except OSError as error:
        raise InputError(f"{target}: can't be written ({one_line(error)})") from error
    finally:
        partial.unlink(missing_ok=True)


def write_new(uri: str, content: bytes) -> None:
    """Write an object that must not be there yet; `InputError` if it is, `OSError` if it can't be.

    On S3 the service itself decides between two who try at once (If-None-Match), where boto3 is
    installed; else, and on other stores, what is there just before counts.
    """
    filesystem, path = locate(uri)
    exists_already = InputError(
        f"{uri}: exists already, someone else has written there; choose another --out"
    )
    if exists(uri):
        raise exists_already
    client = _s3_client(uri) if isinstance(filesystem, fs.S3FileSystem) else None
    if client is None:
        with filesystem.open_output_stream(path) as stream:
            stream.write(content)
        return
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, key = path.partition("/")
    try:
        client.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in LOST_THE_RACE:
            if read_whole(filesystem, path, len(content) + 1) == content:
                return  # it is ours: the answer to a first try was lost on its way
            raise exists_already from error
        raise OSError(one_line(error)) from error
    except BotoCoreError as error:
        raise OSError(one_line(error)) from error


def _s3_client(uri: str) -> Any:
    """A client that reaches what `uri` names as Arrow does, or None without boto3."""
    try:
        import boto3
    except ModuleNotFoundError:
        return None
    address = urlsplit(uri)
    options = {name: values[-1] for name, values in parse_qs(address.query).items()}
    endpoint = options.get("endpoint_override")
    if endpoint and "://" not in endpoint:
        endpoint = f"{options.get('scheme', 'https')}://{endpoint}"
    return boto3.client(
        "s3",
        region_name=options.get("region"),
        endpoint_url=endpoint,
        aws_access_key_id=address.username and unquote(address.username),
        aws_secret_access_key=address.password and unquote(address.password),
    )


def download(uri: str, path: Path) -> bool:
    """Copy the file at `uri` to `path`; False if there is none."""
    filesystem, source = locate(uri)
    try:
        if filesystem.get_file_info(source).type != fs.FileType.File:
            return False
        with (
            filesystem.open_input_stream(source, compression=None) as stream,
            path.open("wb") as copy,
        ):
            shutil.copyfileobj(stream, copy, COPIED_BYTES)
    except (OSError, ArrowException) as error:
        raise InputError(f"{uri}: can't be read ({one_line(error)})") from error
    return True


def read_whole(filesystem: fs.FileSystem, path: str, most: int) -> bytes | None:
    """The first `most` bytes of a file, or None where there is none; `InputError` otherwise."""
    try:
        with filesystem.open_input_stream(path, compression=None) as file:
            content: bytes = file.read(most)
    except (FileNotFoundError, NotADirectoryError, UnicodeError):  # Arrow's names are all UTF-8
        return None
    except (OSError, ArrowException) as error:
        raise InputError(f"{path}: can't be read ({one_line(error)})") from error
    return content


def one_line(error: Exception) -> str:
    """The first line of what an error says, or its kind if it says nothing.

    For messages that lay it on a file; want of memory, which Arrow's errors may be as well, is
    nobody's fault but this machine's, and raised again.
    """
    if isinstance(error, MemoryError):
        raise error
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
