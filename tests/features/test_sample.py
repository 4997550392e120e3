"""Which images a map is found from: few blocks, in any order, whoever reads them."""

from __future__ import annotations

import numpy as np
import pytest

from ridge_spark.features import Sample
from ridge_spark.features.sample import IMAGES, PAGE_ROWS, PAGES, SampleRows
from ridge_spark.ridge.blocks import Block


def blocks_of(images: np.ndarray, size: int) -> list[Block]:
    labels = np.zeros(len(images), np.int32)
    return [
        Block(i, images[i : i + size], labels[i : i + size]) for i in range(0, len(images), size)
    ]


def test_the_blocks_and_their_order_do_not_matter() -> None:
    images = np.random.default_rng(1).integers(0, 256, (9000, 5), dtype=np.uint8)
    rows = SampleRows(len(images), 5, seed=3)
    one = Sample.of(blocks_of(images, 9000), rows)
    many = Sample.of(blocks_of(images, 700)[::-1], rows)
    assert np.array_equal(one.images, many.images)
    assert np.array_equal(one.keys, many.keys)
    assert len(one.images) == IMAGES
    assert (np.diff(one.keys.astype(object)) > 0).all()
    assert np.array_equal(one.images, images[rows.chosen[0]])


def test_few_images_are_all_taken_and_seeds_differ() -> None:
    chosen = [SampleRows(50, 5, seed).chosen[0] for seed in (0, 1)]
    assert sorted(chosen[0]) == sorted(chosen[1]) == list(range(50))
    assert not np.array_equal(*chosen)


def test_of_many_images_few_pages_are_read() -> None:
    rows = SampleRows(8_000_000, 784, seed=0)
    pages = set((rows.chosen[0] // PAGE_ROWS).tolist())
    assert len(pages) <= PAGES
    assert sum(rows.wanted(p * PAGE_ROWS, PAGE_ROWS) for p in range(7813)) == len(pages)
    assert len(set(rows.chosen[0].tolist())) == IMAGES


def test_large_images_are_fewer() -> None:
    assert len(SampleRows(10_000, 2**20, seed=0).chosen[0]) == 512


def test_a_missing_block_is_noticed() -> None:
    images = np.zeros((100, 3), np.uint8)
    with pytest.raises(ValueError, match="in no block"):
        Sample.of(blocks_of(images, 10)[1:], SampleRows(100, 3, seed=0))
