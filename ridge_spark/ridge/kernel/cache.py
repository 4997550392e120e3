"""Machine code kept on disk, so that not every process pays for compiling it.

What is read back is run, so it must be ours: only a directory and a file count that belong to this
user and that nobody else may write to. The file starts with the SHA-256 of the rest, so that a
damaged one is noticed and made anew. Where nothing can be kept, everything works, only slower.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress

DIGEST_BYTES = 32
LARGEST = 2**20  # bytes that are read at most; the real files have some 15 thousand
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def kept(name: str, make: Callable[[], bytes]) -> bytes:
    """The bytes kept under `name`, or those from `make()`, which are then kept if possible."""
    for directory in cache_directories():
        with suppress(OSError, ValueError):
            return _read(directory, name)
    content = make()
    for directory in cache_directories():
        with suppress(OSError, ValueError):
            _write(directory, name, content)
            break
    return content


def cache_directories() -> list[str]:
    """Where to keep things, best first: the user's cache, else the temporary directory."""
    if not hasattr(os, "getuid"):  # without owners, no file can be told to be ours
        return []
    users = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    places = [os.path.join(users, "ridge-spark")] if os.path.isabs(users) else []
    with suppress(OSError):  # there may be no temporary directory either
        places.append(os.path.join(tempfile.gettempdir(), f"ridge-spark-{os.getuid()}"))
    return places


def _read(directory: str, name: str) -> bytes:
    folder = _open_private(directory, os.O_DIRECTORY)
    try:
        file = _open_private(name, os.O_NONBLOCK, folder)  # lest a named pipe should make us wait
    finally:
        os.close(folder)
    with os.fdopen(file, "rb") as stream:
        whole = stream.read(LARGEST)
    digest, content = whole[:DIGEST_BYTES], whole[DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError(f"{directory}/{name} is damaged")
    return content


def _write(directory: str, name: str, content: bytes) -> None:
    """Write beside, then rename: other processes see all of it or nothing."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    folder = _open_private(directory, os.O_DIRECTORY)
    beside = f"{name}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(hashlib.sha256(content).digest() + content)
            os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(beside, dir_fd=folder)
            raise
    finally:
        os.close(folder)


def _open_private(path: str, flags: int, folder: int | None = None) -> int:
    """Open for reading what is no link, is this user's, and is not for others to write."""
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | flags, dir_fd=folder)
    status = os.fstat(opened)
    if status.st_uid != os.geteuid() or status.st_mode & OTHERS_MAY_WRITE:
        os.close(opened)
        raise PermissionError(f"{path} is not this user's alone")
    return opened
