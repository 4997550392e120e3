"""The two primitives of an engine, and what is written once on top of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.engines.engine import add
from ridge_spark.engines.local import LocalEngine
from ridge_spark.engines.tiles import assemble, tiles_of, tiles_task
from ridge_spark.engines.view import View
from ridge_spark.progress import Progress
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.scoring import Weights, classified_correctly
from ridge_spark.ridge.statistics import Statistics
from tests.engines.mapped import halved
from tests.support import draw_images


@pytest.fixture
def engine(small_data: Path) -> LocalEngine:
    uri = str(small_data)
    splits = open_split(uri, "train"), open_split(uri, "test")
    return LocalEngine(*splits, 2, Progress(quiet=True))


def test_a_map_keeps_the_order_of_its_items(engine: LocalEngine) -> None:
    assert engine.map("double", lambda x: 2 * x, range(50)) == list(range(0, 100, 2))


def test_every_pass_sees_what_the_view_makes_of_the_blocks(engine: LocalEngine) -> None:
    """As if the data set had held the mapped images in the first place."""
    folds = Folds.k(3)
    engine.view = View(10, 2, halved)
    blocks = list(halved(read_blocks(engine.train.blocks), threads=1))
    images = np.concatenate([block.images for block in blocks])
    labels = np.concatenate([block.labels for block in blocks])
    group_of = folds.assign(0, len(images))
    groups = engine.statistics(folds)
    for group, found in enumerate(groups):
        assert found == Statistics.of(images[group_of == group], labels[group_of == group], 2)
    (solution,) = engine.solve([groups[0]], np.array([1.0, 2.0]), "eigen")
    scored = engine.score(folds, dict.fromkeys(range(3), Weights(*solution.weights())))
    correct = scored.correct.sum(axis=1)
    assert scored.images.image.tolist() == images[scored.images.row].tolist()
    for group in range(3):
        mine = group_of == group
        expected = classified_correctly(images[mine], labels[mine], Weights(*solution.weights()))
        assert correct[group].tolist() == expected.sum(axis=0).tolist()


@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 60))
def test_tiles_cover_the_gram_matrix_once_and_fit_the_memory(
    d: int, groups: int, side: int
) -> None:
    memory = 16 * groups * side**2
    covered = np.zeros((d, d), int)
    for i, j in tiles_of(d, groups, memory):
        assert 16 * groups * (i.stop - i.start) * (j.stop - j.start) <= memory
        covered[i, j] += 1
        if i != j:
            covered[j, i] += 1
    assert (covered == 1).all()


def test_statistics_from_tiles_are_those_in_one_piece() -> None:
    images, labels = draw_images(300, 11, 3)
    view, folds = View(11, 3), Folds.k(2)
    tiles = tiles_of(11, 2, 16 * 2 * 4**2)
    summed = []
    for number, tile in enumerate(tiles):
        (sums,) = tiles_task(view, folds, [tile])([Block(0, images, labels)], threads=1)
        summed += [((group, number), each) for group, each in enumerate(sums)]
    found = assemble(reversed(summed), tiles, 2, view)
    group_of = folds.assign(0, 300)
    for group in range(2):
        mine = group_of == group
        assert found[group] == Statistics.of(images[mine], labels[mine], 3)


def test_results_add_up_element_by_element() -> None:
    one = Statistics.of(*draw_images(20, 4, 2), 2)
    found = add([np.array([1]), [one, np.array([2])]], [np.array([3]), [one, np.array([5])]])
    assert (found[0].tolist(), found[1][1].tolist()) == ([4], [7])
    with pytest.raises(ValueError, match="shorter"):
        add([np.array([1])], [])
