"""Ranges of row numbers: what is done, what is left, and an even part of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Range = tuple[int, int]  # rows start, ..., stop - 1
Rows = list[Range]  # apart from one another and in order


def joined(ranges: Iterable[Range]) -> Rows:
    """The same rows in as few ranges as possible; `ValueError` if a row is in two of them."""
    rows: Rows = []
    for start, stop in sorted(ranges):
        if rows and start < rows[-1][1]:
            raise ValueError(f"row {start} twice")
        if rows and start == rows[-1][1]:
            rows[-1] = (rows[-1][0], stop)
        else:
            rows.append((start, stop))
    return rows


def count(rows: Rows) -> int:
    return sum(stop - start for start, stop in rows)


def missing(rows: Rows, total: int) -> Rows:
    """The rows of 0, ..., total - 1 that are not in `rows`."""
    edges = [0, *(edge for ends in rows for edge in ends), total]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [(start, stop) for start, stop in gaps if start < stop]


def within(rows: Rows, start: int, stop: int) -> Rows:
    """Those of `rows` that are among start, ..., stop - 1."""
    cut = [(max(first, start), min(last, stop)) for first, last in rows]
    return [(first, last) for first, last in cut if first < last]


def partition(rows: Rows, part: int, parts: int) -> Rows:
    """Part number `part` of `parts` that differ by one row at most."""
    total = count(rows)
    first, last = total * part // parts, total * (part + 1) // parts
    mine: Rows = []
    before = 0
    for start, stop in rows:
        a, b = max(first - before, 0), min(last - before, stop - start)
        if a < b:
            mine.append((start + a, start + b))
        before += stop - start
    return mine


def pieces(rows: Rows, most: int) -> Iterator[Range]:
    """The rows in ranges of `most` at most."""
    for start, stop in rows:
        for first in range(start, stop, most):
            yield first, min(first + most, stop)
