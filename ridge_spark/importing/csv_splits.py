"""The rows of a table by the split that a column of it says they are of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.importing.csv_columns import split_of
from ridge_spark.importing.splits import FOUND


def rows_of_splits(
    path: object, column: str | None, values: Sequence[str] | NDArray[np.str_]
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """The numbers of the rows of each split, training first, and what a person should know.

    All are training rows where there is no such column, or where it says nothing of splits.
    """
    if column is None:
        return {"train": np.arange(len(values))}, ()
    kinds, which = np.unique(np.array(values), return_inverse=True)
    of_kind = {kind: split_of(column, kind) for kind in kinds.tolist()}
    if not any(of_kind.values()):
        return {"train": np.arange(len(values))}, (
            f"passed over    column '{column}': its values ({', '.join(kinds[:3])}) name no split",
        )
    unknown = next((kind for kind, split in of_kind.items() if split is None), None)
    if unknown is not None:
        row = int(np.flatnonzero(np.array(values) == unknown)[0])
        raise InputError(
            f"{path}: row {row + 1} has '{unknown}' in column '{column}', which names no "
            "split; use train, validation and test"
        )
    splits = np.array([of_kind[kind] for kind in kinds.tolist()])[which]
    found = {split: np.flatnonzero(splits == split) for split in FOUND}
    return {split: rows for split, rows in found.items() if len(rows)}, ()
