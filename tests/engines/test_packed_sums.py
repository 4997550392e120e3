"""Packed statistics on their way from tasks: by files or by strips, nothing is lost or left."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ridge_spark.engines.engine import add
from ridge_spark.engines.packed_sums import add_up, assembled, in_strips, store
from ridge_spark.errors import InputError
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.selection import group_packed

D, CLASSES, FOLDS = 900, 3, Folds.k(2)  # two strips
PARTS = [slice(0, 100), slice(100, 300)]
RANDOM = np.random.default_rng(0)
IMAGES, LABELS = RANDOM.integers(0, 256, (300, D), np.uint8), RANDOM.integers(0, CLASSES, 300)
TASK = SimpleNamespace(value=partial(group_packed, folds=FOLDS, d=D, classes=CLASSES))


def read(rows: slice) -> Block:
    return Block(rows.start, IMAGES[rows], LABELS[rows])


@pytest.fixture(scope="module")
def expected() -> list[str]:
    whole = group_packed([read(slice(0, 300))], FOLDS, D, CLASSES)
    return [group.unpacked().sha256() for group in whole]


def test_by_files(expected: list[str], tmp_path: Path) -> None:
    first, second = ([each.take() for each in store(read, TASK, 1, tmp_path, [p])] for p in PARTS)
    total = add(first, second)
    assert [group.unpacked().sha256() for group in total] == expected
    assert not list(tmp_path.iterdir())


def test_strip_by_strip(expected: list[str]) -> None:
    pairs = [pair for part in PARTS for pair in in_strips(read, TASK, 1, [part])]
    total = assembled(reversed(list(add_up(pairs))), FOLDS.groups)
    assert [group.unpacked().sha256() for group in total] == expected


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone: X'X can't be written there .*TMPDIR"):
        store(read, TASK, 1, tmp_path / "gone", PARTS)
