"""Which Parquet files of a folder hold images, and what their paths say of these.

Jobs that failed, table formats and operating systems leave other files there.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import fs

from ridge_spark.data.storage import locate, one_line
from ridge_spark.errors import InputError
from ridge_spark.importing.column_names import SPLITS as SPLIT_COLUMNS
from ridge_spark.importing.listing import OF_SYSTEMS
from ridge_spark.importing.parquet_tables import old_files
from ridge_spark.importing.splits import SplitName, holds_no_labels, recognise, recognise_all

HIDDEN = "files of jobs, table formats and systems, by their names"
NO_PARQUET = "files that are not called .parquet"
OLD_ROWS = "Parquet files with rows that the table does not have any more"
OTHER_SPLITS = "Parquet files of other splits"
NULL = "__HIVE_DEFAULT_PARTITION__"
SHARD = re.compile(r"[-_.]\d{3,}-of-\d{3,}.*")  # train-00000-of-00002-8d1ff8b2c4a5e6f7


@dataclass(frozen=True)
class RowsFile:
    """A Parquet file; `keys` are the columns that its folders name, such as label=cat."""

    path: str
    keys: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """The files of a split, and what names it: a folder or how their names start."""

    found_as: str
    files: list[RowsFile]


def find_parts(uri: str, left_out: Counter[str]) -> dict[str, Part]:
    """The files at `uri`, a file or a folder, by split; what is none of them is counted.

    Without files of a split, all are training files. Those that name no split beside others that
    do are left out, unless there would be none to train on otherwise.
    """
    filesystem, root = locate(uri)
    try:
        info = filesystem.get_file_info(root)
        if info.type == fs.FileType.File:
            return {"train": Part("", [RowsFile(root, _keys(posixpath.dirname(root)))])}
        if info.type == fs.FileType.NotFound:
            raise InputError(f"{uri}: no such file or folder")
        found = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
        names = sorted(
            info.path[len(root) + 1 :] for info in found if info.type == fs.FileType.File
        )
        old = old_files(filesystem, root, names)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{uri}: can't be read ({one_line(error)})") from error
    left_out[OLD_ROWS] += len(old)
    names = list(_rows_files([name for name in names if name not in old], left_out))
    if not names:
        raise InputError(f"{uri}: no Parquet files there; give one, or a folder of them")
    return _by_split(root, names, left_out)


def _rows_files(names: Sequence[str], left_out: Counter[str]) -> Iterator[str]:
    for name in names:
        parts = name.split("/")
        if any(map(_is_no_data, parts)):
            left_out[HIDDEN] += 1
        elif not name.lower().endswith(".parquet"):
            left_out[NO_PARQUET] += 1
        else:
            yield name


def _is_no_data(part: str) -> bool:
    """True for a file or folder that Spark and Arrow pass over as well, or that a system left."""
    return part.startswith(".") or (part[:1] == "_" and "=" not in part) or part in OF_SYSTEMS


def _by_split(root: str, names: Sequence[str], left_out: Counter[str]) -> dict[str, Part]:
    words = {name: list(_words(name)) for name in names}
    alike = recognise_all({_stem(name) for name in names})  # digits-train, digits-test
    splits: dict[str, Part] = {}
    others = Part("", [])
    for name in names:
        split: SplitName | None = None
        named = ""
        for named in words[name]:
            if split := recognise(named):
                break
        if split is None and (split := alike.get(_stem(name))):
            named = _stem(name)
        file = RowsFile(f"{root}/{name}", _keys(posixpath.dirname(f"{root}/{name}")))
        if split:
            splits.setdefault(split, Part(named, [])).files.append(file)
        elif not any(map(holds_no_labels, words[name])) or len(names) == 1:
            others.files.append(file)
        else:
            left_out[OTHER_SPLITS] += 1
    if not splits:
        return {"train": others}
    if others.files and "train" not in splits:
        splits["train"] = others
    else:
        left_out[OTHER_SPLITS] += len(others.files)
    return splits


def _words(name: str) -> Iterator[str]:
    """What of a file's name may name its split, the nearest to the file first."""
    stem = _stem(name)
    yield stem
    yield re.split(r"[-_.\d]", stem)[0]  # train-b42a775f407cee45, train_part_a
    for folder in reversed(posixpath.dirname(name).split("/")):
        key, equals, value = folder.partition("=")
        if not equals:
            yield folder.removeprefix("partial-")  # as Hugging Face has what it cut short
        elif key.lower() in SPLIT_COLUMNS:
            yield value


def _stem(name: str) -> str:
    base = posixpath.basename(name).lower().removesuffix(".parquet")
    return SHARD.sub("", base) or base


def _keys(folder: str) -> dict[str, str | None]:
    pairs = (part.partition("=") for part in folder.split("/"))
    return {
        unquote(key): None if value == NULL else unquote(value)
        for key, equals, value in pairs
        if equals
    }
