"""docs/result.md, made from the dataclasses: `python -m ridge_spark.runs.result_page`."""

from __future__ import annotations

import types
from dataclasses import fields
from typing import Any, Union, get_args, get_origin, get_type_hints

from ridge_spark.runs.json_form import SCALARS, key_of
from ridge_spark.runs.result import (
    FORMAT_VERSION,
    Approximation,
    Calibration,
    Change,
    HeldOut,
    Mpi,
    Planned,
    Result,
    StageRecord,
    TaskRecord,
    Update,
)

INTRODUCTION = f"""# result.json

A run directory holds what a run found, in four files:

- `result.json`, described here (format {FORMAT_VERSION})
- `model.safetensors`, the classifier
- `statistics.safetensors`, of all training images, as int64: `counts` and `sums` of the classes,
  and X'X by its upper triangle, `gram_upper`, if `statistics_kept` says so
- `report.html`, the same for a person to read

Every engine writes the same keys. There is no NaN and no infinity in it: what is not defined is
null. A key that is only for some runs is left out of the others. Whoever reads it should ignore
keys that are not here; this program refuses a file whose values are not what this page says.

This page is made from the code: `python -m ridge_spark.runs.result_page > docs/result.md`.
"""

NESTED = {
    StageRecord: "Each of `stages`",
    TaskRecord: "Each of `tasks`",
    Planned: "`plan`",
    Update: "`update`",
    Change: "Each of `changes` of `update`",
    Mpi: "`mpi`",
    Approximation: "`approximation`",
    HeldOut: "`held_out`",
    Calibration: "`calibration`",
}


def page() -> str:
    """The text of docs/result.md."""
    parts = [INTRODUCTION, _table(Result)]
    parts += [f"## {title}\n\n{kind.__doc__}\n\n{_table(kind)}" for kind, title in NESTED.items()]
    return "\n".join(parts)


def _table(kind: Any) -> str:
    hints = get_type_hints(kind, include_extras=True)
    lines = ["| key | value | |", "| --- | --- | --- |"]
    for each in fields(kind):
        value, text = get_args(hints[each.name])
        lines.append(f"| `{key_of(each)}` | {_in_words(value)} | {text} |")
    return "\n".join(lines) + "\n"


def _in_words(kind: Any) -> str:
    arguments = get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return f"{_in_words(arguments[0])} or null"
    if get_origin(kind) is tuple:
        return f"list: {_in_words(arguments[0])}"
    if get_origin(kind) is dict:
        return f"object: {_in_words(arguments[1])} for each key"
    return SCALARS.get(kind, "object")


if __name__ == "__main__":
    print(page(), end="")
