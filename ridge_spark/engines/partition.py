"""Dealing work out to workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def split_evenly(items: Sequence[T], parts: int) -> list[Sequence[T]]:
    """`items` in order in `parts` runs whose lengths differ by one at most."""
    n = len(items)
    return [items[n * i // parts : n * (i + 1) // parts] for i in range(parts)]
