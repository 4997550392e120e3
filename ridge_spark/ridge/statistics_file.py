"""The file of statistics: class counts, class sums, and X'X by its upper triangle if it is kept.

It is a safetensors file, written by hand so that the triangle goes to the disk row by row, from the
matrix itself. The first format, without a version, had all of the matrix; it is still read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError

Int64 = NDArray[np.int64]

FORMAT_VERSION = "2"
ROWS_AT_A_TIME = 256
ALIGNMENT = 8  # of the tensors in the file
NO_STATISTICS = "not a statistics file of this program"


def file_bytes(classes: int, d: int, *, gram: bool) -> int:
    """Size of the file, but for its header."""
    return 8 * (classes * (d + 1) + (triangle(d) if gram else 0))


def triangle(d: int) -> int:
    """Numbers in the upper triangle of a (d, d) matrix, with the diagonal."""
    return d * (d + 1) // 2


def write(path: Path, counts: Int64, sums: Int64, gram: Int64 | None) -> None:
    """Write `counts` (k,), `sums` (k, d) and the upper triangle of `gram` (d, d), row by row."""
    shapes = {"counts": counts.shape, "sums": sums.shape}
    if gram is not None:
        shapes["gram_upper"] = (triangle(len(gram)),)
    about: dict[str, Any] = {"__metadata__": {"format_version": FORMAT_VERSION}}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 8 * int(np.prod(shape))
        about[name] = {"dtype": "I64", "shape": shape, "data_offsets": [start, end]}
    header = json.dumps(about).encode()
    header += b" " * (-len(header) % ALIGNMENT)
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for array in (counts, sums):
            file.write(np.ascontiguousarray(array, "<i8").data)
        for i, row in enumerate(() if gram is None else gram):
            file.write(np.ascontiguousarray(row[i:], "<i8").data)


def read(path: Path) -> tuple[Int64, Int64, Int64]:
    """What `write` wrote, X'X whole; `InputError` if the file is not that, or has no X'X."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = set(file.keys())
            version = (file.metadata() or {}).get("format_version", "1")
            if version not in ("1", FORMAT_VERSION):
                raise InputError(
                    f"{path}: has format {version}, this program reads {FORMAT_VERSION}; "
                    "use the program that wrote it, or train again"
                )
            counts, sums = file.get_tensor("counts"), file.get_tensor("sums")
            if version == FORMAT_VERSION and "gram_upper" not in names:
                raise InputError(
                    f"{path}: X'X was not kept in it; train again with --side primal and "
                    "--keep-statistics"
                )
            gram = file.get_tensor("gram") if version == "1" else _unfolded(path, file, sums)
    except (SafetensorError, KeyError, OSError) as error:
        raise InputError(f"{path}: {NO_STATISTICS} ({error})") from error
    _require_statistics(path, counts, sums, gram, mirrored=version == FORMAT_VERSION)
    return counts, sums, gram


def _unfolded(path: Path, file: Any, sums: NDArray[Any]) -> Int64:
    """The symmetric matrix (d, d) of its upper triangle; d is that of the `sums`."""
    upper = file.get_slice("gram_upper")
    d = sums.shape[-1] if sums.ndim else 0
    if upper.get_shape() != [triangle(d)] or upper.get_dtype() != "I64":
        raise InputError(f"{path}: the statistics in it do not fit together; train again")
    gram = np.empty((d, d), np.int64)
    for first in range(0, d, ROWS_AT_A_TIME):
        last = min(first + ROWS_AT_A_TIME, d)
        start = triangle(d) - triangle(d - first)
        some = upper[start : triangle(d) - triangle(d - last)]
        for i in range(first, last):
            gram[i, i:], some = some[: d - i], some[d - i :]
        gram[first:last, first:last] = _mirrored(gram[first:last, first:last])
        gram[last:, first:last] = gram[first:last, last:].T
    return gram


def _mirrored(corner: Int64) -> Int64:
    return np.triu(corner) + np.triu(corner, 1).T


def _require_statistics(
    path: Path, counts: NDArray[Any], sums: NDArray[Any], gram: NDArray[Any], *, mirrored: bool
) -> None:
    arrays = counts, sums, gram
    classes, d = sums.shape if sums.ndim == 2 else (-1, -1)
    if [array.shape for array in arrays] != [(classes,), (classes, d), (d, d)] or {
        array.dtype for array in arrays
    } != {np.dtype(np.int64)}:
        raise InputError(f"{path}: the statistics in it do not fit together; train again")
    symmetric = mirrored or np.array_equal(gram, gram.T)
    if not symmetric or any(array.min(initial=0) < 0 for array in arrays):
        raise InputError(f"{path}: the statistics in it are of no images; train again")
