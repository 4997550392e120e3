"""Rows that table formats keep Parquet files of and that are not in the table any more.

Delta keeps the files of versions before and tells of those of the last one in a log; Hudi has the
time of a version in a file's name; Iceberg tells in files of Avro, which this program does not
read, but in plain JSON what has ever been done to the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

import pyarrow.parquet as pq
from pyarrow import fs

from ridge_spark.errors import InputError

HUDI_FILE = re.compile(r"(?P<file>.+)_\d+-\d+-\d+_(?P<instant>\d{14,17})\.parquet")
DELTA_VERSION = re.compile(r"(?:.*/)?(?P<version>\d{20})\.[\w.-]*?(?P<kind>json|parquet)")
MOST_BYTES = 2**28  # of a file of a log
REMEDY = "read it with Spark and write its rows to a folder of Parquet files"


def old_files(filesystem: fs.FileSystem, root: str, names: Sequence[str]) -> set[str]:
    """Which of the files `names` below `root` have no row of the tables there any more.

    `InputError` if that can't be told by whole files.
    """
    _require_plain_iceberg(filesystem, root, names)
    return {*_old_of_delta(filesystem, root, names), *_old_of_hudi(names)}


def _old_of_hudi(names: Sequence[str]) -> Iterator[str]:
    """All but the last version of each file."""
    if not any("/.hoodie" in f"/{name}" for name in names):
        return
    last: dict[str, tuple[str, str]] = {}
    for name in names:
        if match := HUDI_FILE.fullmatch(name):
            version = match["instant"], name
            before = last.get(match["file"])
            if before:
                yield min(before, version)[1]
            last[match["file"]] = max(before or version, version)


def _require_plain_iceberg(filesystem: fs.FileSystem, root: str, names: Sequence[str]) -> None:
    for name in names:
        if re.fullmatch(r"(.*/)?metadata/[^/]*\.metadata\.json", name):
            (about,) = _actions(filesystem, f"{root}/{name}", whole=True)
            for snapshot in about.get("snapshots") or []:
                if snapshot.get("summary", {}).get("operation", "append") != "append":
                    raise InputError(
                        f"{root}: is an Iceberg table with rows that were replaced or deleted; "
                        f"{REMEDY}"
                    )


def _old_of_delta(filesystem: fs.FileSystem, root: str, names: Sequence[str]) -> Iterator[str]:
    """Files that the log of a Delta table does not have any more, or never had."""
    logs: dict[str, list[str]] = {}
    for name in names:
        table, log, file = f"/{name}".rpartition("/_delta_log/")
        if log and "/" not in file:
            logs.setdefault(f"{table}/"[1:], []).append(name)
    for table, log_files in logs.items():
        if live := _live_in_delta(filesystem, root, log_files):
            inside = (name for name in names if name.startswith(table) and name not in log_files)
            yield from (name for name in inside if name[len(table) :] not in live)


def _live_in_delta(filesystem: fs.FileSystem, root: str, log: Sequence[str]) -> set[str]:
    """The files of a table, from the last checkpoint of its log and the commits after it."""
    found = [(name, match) for name in log if (match := DELTA_VERSION.fullmatch(name))]
    versions = sorted((int(match["version"]), match["kind"], name) for name, match in found)
    start = max((version for version, kind, _ in versions if kind == "parquet"), default=-1)
    live: set[str] = set()
    for version, kind, name in versions:
        path = f"{root}/{name}"
        if version == start and kind == "parquet":
            with filesystem.open_input_file(path) as file:
                added = pq.read_table(file, columns=["add"])["add"].to_pylist()
            for add in added:
                _act(root, {"add": add}, live)
        elif version > start and kind == "json":
            for action in _actions(filesystem, path):
                _act(root, action, live)
    return live


def _act(root: str, action: dict, live: set[str]) -> None:
    if add := action.get("add"):
        if add.get("deletionVector"):
            raise InputError(
                f"{root}: is a Delta table with rows that were deleted from their files; {REMEDY}"
            )
        live.add(unquote(add["path"]))
    if remove := action.get("remove"):
        live.discard(unquote(remove["path"]))


def _actions(filesystem: fs.FileSystem, path: str, *, whole: bool = False) -> Iterator[dict]:
    """The objects of a file of JSON, one a line or one in all; what is none is an empty one."""
    with filesystem.open_input_file(path) as file:
        text = file.read(MOST_BYTES)
    for part in [text] if whole else text.splitlines():
        try:
            action = json.loads(part)
        except ValueError:
            action = None
        yield action if isinstance(action, dict) else {}
