"""The statistics are the same integers whoever adds them up, and travel and keep without loss."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import save_file

from ridge_spark.errors import InputError
from ridge_spark.ridge.statistics import Statistics

CLASSES, D = 3, 7


@st.composite
def labelled(draw, most=40):
    """Any few images of D pixels, the extremes of a byte often among them, and their labels."""
    n = draw(st.integers(1, most))
    pixels = st.one_of(st.sampled_from([0, 1, 254, 255]), st.integers(0, 255))
    images = draw(arrays.arrays(np.uint8, (n, D), elements=pixels))
    labels = draw(arrays.arrays(np.int64, n, elements=st.integers(0, CLASSES - 1)))
    return images, labels


def of(images, labels):
    return Statistics.of(images, labels, CLASSES)


def counted(images, labels):
    """The definition, in Python integers."""
    rows = images.tolist()
    return (
        [sum(label == k for label in labels) for k in range(CLASSES)],
        [
            [sum(row[j] for row, label in zip(rows, labels, strict=True) if label == k)
             for j in range(D)]
            for k in range(CLASSES)
        ],
        [[sum(row[i] * row[j] for row in rows) for j in range(D)] for i in range(D)],
    )  # fmt: skip


@given(labelled())
def test_they_are_what_their_definition_says(data):
    found = of(*data)
    assert (found.counts.tolist(), found.sums.tolist(), found.gram.tolist()) == counted(*data)
    assert {array.dtype for array in (found.counts, found.sums, found.gram)} == {np.dtype(np.int64)}
    assert (found.n, found.d, found.classes) == (len(data[1]), D, CLASSES)


@given(labelled(), st.data())
def test_any_partition_in_any_order_gives_the_same(data, choose):
    images, labels = data
    part_of = np.array(choose.draw(st.lists(st.integers(0, 3), min_size=len(labels),
                                            max_size=len(labels))))  # fmt: skip
    parts = choose.draw(st.permutations([of(images[part_of == p], labels[part_of == p])
                                         for p in range(4)]))  # fmt: skip
    total = Statistics.zeros(CLASSES, D)
    for part in parts:
        total += part
    assert total == of(images, labels)
    assert parts[0] + (parts[1] + (parts[2] + parts[3])) == total
    assert total.sha256() == of(images, labels).sha256()


@given(labelled(), labelled())
def test_what_was_merged_can_be_subtracted_again(first, second):
    assert (of(*first) + of(*second)) - of(*second) == of(*first)
    assert (of(*first) - of(*first)) == Statistics.zeros(CLASSES, D)


@given(labelled())
def test_stacking_the_images_twice_doubles_them(data):
    images, labels = data
    once, twice = of(images, labels), of(np.vstack([images] * 2), np.tile(labels, 2))
    assert twice == once + once


def test_adding_in_place_leaves_the_other_alone():
    first, second = (of(np.full((1, D), value, np.uint8), np.array([0])) for value in (1, 2))
    untouched = second.sha256()
    first += second
    assert second.sha256() == untouched
    assert first.sums[0, 0] == 3


def test_images_that_were_not_in_cannot_be_removed():
    few, many = (of(np.ones((n, D), np.uint8), np.zeros(n, int)) for n in (1, 2))
    with pytest.raises(InputError, match="not all part of these statistics"):
        few - many


@pytest.mark.parametrize(("classes", "d"), [(CLASSES + 1, D), (CLASSES, D + 1)])
def test_statistics_of_other_images_do_not_combine(classes, d):
    ours, theirs = Statistics.zeros(CLASSES, D), Statistics.zeros(classes, d)
    assert ours != theirs
    for combine in (ours.__add__, ours.__iadd__, ours.__sub__):
        with pytest.raises(InputError, match=f"{classes} classes and {d} pixels"):
            combine(theirs)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, D)), [0, 1], "uint8"),
        (np.zeros((2, D), np.int16), [0, 1], "uint8"),
        (np.zeros((2, 1, D), np.uint8), [0, 1], r"\(2, 1, 7\)"),
        (np.zeros((2, D), np.uint8), [0], "1 labels for 2 images"),
        (np.zeros((2, D), np.uint8), [0, CLASSES], "label 3"),
        (np.zeros((2, D), np.uint8), [-1, 0], "label -1"),
        (np.zeros((2, D), np.uint8), [0.0, 1.0], "integers"),
    ],
)
def test_what_are_no_labelled_images_is_refused(images, labels, message):
    """Floats, above all: summed as integers they would lose what follows the point."""
    with pytest.raises(InputError, match=message):
        of(images, np.array(labels))


@given(labelled())
def test_pickling_keeps_every_bit_in_half_the_bytes(data):
    found = of(*data)
    assert pickle.loads(pickle.dumps(found)) == found


def test_a_pickle_is_about_half_the_size_of_the_gram_matrix():
    d = 500
    assert len(pickle.dumps(Statistics.zeros(2, d))) < 0.52 * 8 * d * d


def test_the_hash_is_that_of_the_contract():
    images = np.array([[1, 2], [3, 4], [250, 255]], np.uint8)
    found = Statistics.of(images, np.array([1, 0, 1]), 3)
    values = [
        3, 2,  # the shapes: classes, d
        1, 2, 0,  # counts
        3, 4, 251, 257, 0, 0,  # sums
        1 + 9 + 62500, 2 + 12 + 63750, 2 + 12 + 63750, 4 + 16 + 65025,  # gram
    ]  # fmt: skip
    written = b"".join(value.to_bytes(8, "little", signed=True) for value in values)
    assert found.sha256() == hashlib.sha256(written).hexdigest()


def test_every_single_number_is_in_the_hash():
    base = Statistics.zeros(2, 2)
    hashes = {base.sha256(), Statistics.zeros(2, 3).sha256(), Statistics.zeros(3, 2).sha256()}
    for name in ("counts", "sums", "gram"):
        array = getattr(base, name)
        for index in np.ndindex(array.shape):
            array[index] = 1
            hashes.add(base.sha256())
            array[index] = 0
    assert len(hashes) == 3 + 2 + 4 + 4


def test_the_hash_does_not_depend_on_how_the_memory_is_laid_out():
    found = of(np.arange(2 * D, dtype=np.uint8).reshape(2, D), np.array([0, 2]))
    turned = Statistics(found.counts, np.asfortranarray(found.sums), np.asfortranarray(found.gram))
    assert turned.sha256() == found.sha256()


@given(data=labelled())
def test_saving_and_loading_keeps_every_bit(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("kept") / "statistics.safetensors"
    found = of(*data)
    found.save(path)
    assert Statistics.load(path) == found


def test_saving_does_not_depend_on_how_the_memory_is_laid_out(tmp_path):
    found = of(np.arange(2 * D, dtype=np.uint8).reshape(2, D), np.array([0, 2]))
    turned = Statistics(found.counts, np.asfortranarray(found.sums), np.asfortranarray(found.gram))
    turned.save(tmp_path / "turned.safetensors")
    assert Statistics.load(tmp_path / "turned.safetensors") == found


def saved(folder: Path, **changed) -> Path:
    """A statistics file with some of its arrays replaced, or left out where None."""
    kept = of(np.ones((2, D), np.uint8), np.array([0, 2]))
    tensors = {"counts": kept.counts, "sums": kept.sums, "gram": kept.gram, **changed}
    path = folder / "statistics.safetensors"
    save_file({name: array for name, array in tensors.items() if array is not None}, path)
    return path


@pytest.mark.parametrize(
    "changed",
    [
        {"gram": None},
        {"gram": np.zeros((D, D))},
        {"gram": np.zeros((D, D + 1), np.int64)},
        {"sums": np.zeros(D, np.int64)},
        {"counts": np.zeros(CLASSES + 1, np.int64)},
        {"counts": np.array([2, -1, 0])},
        {"gram": np.triu(np.ones((D, D), np.int64))},
    ],
    ids=["missing", "floats", "not square", "flat", "other classes", "negative", "not symmetric"],
)
def test_a_file_that_does_not_fit_together_is_refused(tmp_path, changed):
    path = saved(tmp_path, **changed)
    with pytest.raises(InputError, match=path.name) as refused:
        Statistics.load(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00" * 100, b"\xff" * 100, json.dumps({"counts": [1]}).encode(), pickle.dumps([1])],
    ids=["empty", "zeros", "ones", "JSON", "pickle"],
)
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "statistics.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=path.name):
        Statistics.load(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, kept):
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(InputError, match=path.name):
        Statistics.load(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.safetensors"):
        Statistics.load(tmp_path / "nowhere.safetensors")
