"""Labels of Parquet files as text: of all files alike, numbers by the names that stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.importing.parquet_columns import Columns, Values


@dataclass(frozen=True)
class Labels:
    """The labels of a file as they are stored, and the names of its columns."""

    path: str
    columns: Columns
    values: Values


def agreed_names(files: Sequence[Labels]) -> list[str] | None:
    """What numbers stand for in all files; None if no file tells.

    A file without metadata is taken to have the numbers of the others: tools that rewrite a file
    lose it. `InputError` if two files tell different names, or some have text and others numbers.
    """
    named = [file for file in files if file.columns.class_names]
    for file in named:
        if file.columns.class_names != named[0].columns.class_names:
            raise InputError(
                f"{file.path}: its metadata has other names of classes than {named[0].path}; "
                "import them one by one, or write them alike"
            )
    if named:
        return named[0].columns.class_names
    text, number = (next(filter(has, files), None) for has in (_has_text, _has_numbers))
    if text and number:
        raise InputError(
            f"{number.path}: its labels are numbers and those of {text.path} are text; "
            "write them alike"
        )
    return None


def texts(file: Labels, names: Sequence[str] | None, *, to_train_on: bool) -> list[str | None]:
    """The text of each kind of label; None for one that says there is no label.

    Numbers below 0 say so of images to test on, as competitions hand them out.
    """
    found: list[str | None] = []
    for kind in file.values.kinds:
        if isinstance(kind, str | bool):
            found.append(str(kind))
        elif kind < 0 and not to_train_on:
            found.append(None)
        elif names is None:
            found.append(str(kind))
        elif 0 <= kind < len(names):
            found.append(names[kind])
        else:
            raise InputError(
                f"{file.path}: label {kind} is outside 0 to {len(names) - 1}, the classes that its "
                "metadata names; remove such rows (-1 stands for no label)"
            )
    return found


def require_labels(file: Labels, taken: NDArray[np.bool_]) -> None:
    """`InputError` if a row to train on has no label."""
    missing = int((taken & (file.values.rows < 0)).sum())
    if missing:
        raise InputError(
            f"{file.path}: {missing:,} rows have no '{file.columns.label}'; remove them"
        )


def _has_text(file: Labels) -> bool:
    return any(isinstance(kind, str) and not kind.isdecimal() for kind in file.values.kinds)


def _has_numbers(file: Labels) -> bool:
    return any(not isinstance(kind, str | bool) for kind in file.values.kinds)
