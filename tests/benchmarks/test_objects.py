"""Drawn things: the same for the same numbers, others for others, all kinds in both splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.objects import KINDS, some_objects, write_objects
from ridge_spark.data.dataset import open_split, read_blocks


def test_an_image_depends_on_the_seed_and_its_number_alone() -> None:
    images, labels = some_objects((16, 20), 0, range(24))
    later, _ = some_objects((16, 20), 0, range(10, 24))
    other, _ = some_objects((16, 20), 1, range(24))
    assert (images.shape, images.dtype) == ((24, 16 * 20 * 3), np.uint8)
    assert np.array_equal(images[10:], later)
    assert not np.array_equal(images, other)
    assert labels.tolist() == [*range(len(KINDS))] * 3
    assert len(np.unique(images, axis=0)) == 24


def test_both_splits_have_all_kinds_and_no_image_in_common(tmp_path: Path) -> None:
    write_objects(str(tmp_path / "things"), (16, 16), 96, 0)
    found = {}
    for split, count in (("train", 80), ("test", 16)):
        blocks = list(read_blocks(open_split(str(tmp_path / "things"), split).blocks))
        labels = np.concatenate([block.labels for block in blocks])
        assert np.bincount(labels).tolist() == [count // len(KINDS)] * len(KINDS)
        found[split] = {image.tobytes() for block in blocks for image in block.images}
    assert (len(found["train"]), len(found["test"])) == (80, 16)
    assert not found["train"] & found["test"]
