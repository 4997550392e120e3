"""Maps that are found: the same everywhere, kept and loaded whole, and good for something."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ridge_spark.errors import InputError
from ridge_spark.features import FeatureMap, Sample, find_map, parse_specs
from ridge_spark.features.feature_map import random_units
from ridge_spark.features.sample import SampleRows
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.kernel.choose import VARIABLE, runnable_kernels
from ridge_spark.ridge.kernel.portable_features import signed_sums
from tests.features.drawn import bars, sample_of
from tests.support import HANGS

SHAPE = (14, 12, 1)
SMALL = "patches:filters=32,units=64"
ALL = (
    SMALL,
    "patches:filters=16,units=0",
    "units:units=48",
    "patches:filters=16,units=32,moments=1",
)


def found(text: str, shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> FeatureMap:
    (spec,) = parse_specs(text)
    return find_map(spec, shape, sample_of(bars(300, shape)[0], seed), seed)


@pytest.mark.parametrize("text", ALL)
def test_every_kernel_finds_the_same_map_and_features(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, _ = bars(30)
    hashes, features = set(), []
    for kernel in runnable_kernels():
        monkeypatch.setenv(VARIABLE, kernel)
        here = found(text)
        hashes.add(here.sha256)
        features.append(here(images, threads=2))
    assert len(hashes) == 1
    assert all(np.array_equal(f, features[0]) for f in features)
    assert features[0].shape == (30, here.d_out)
    assert features[0].any(axis=0).mean() > 0.8


FIND = """
import sys
from tests.features.drawn import bars, sample_of
from ridge_spark.features import find_map, parse_specs
for text in sys.argv[1:]:
    shape = (14, 12, 3)
    found = find_map(parse_specs(text)[0], shape, sample_of(bars(300, shape)[0]), 0)
    print(found.sha256)
"""


def test_no_library_decides_on_a_bit() -> None:
    root = Path(__file__).parents[2]
    cores = ("Haswell", "SkylakeX", "Prescott")
    said = [
        subprocess.run(
            [sys.executable, "-c", FIND, SMALL, ALL[3]],
            cwd=root,
            env={**os.environ, "OPENBLAS_CORETYPE": core, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
            timeout=HANGS,
        ).stdout
        for core in cores
    ]
    assert said[0].count("\n") == 2
    assert len(set(said)) == 1


def test_filters_add_up_to_nothing_and_light_does_not_matter() -> None:
    here = found(SMALL)
    assert here.bank is not None
    assert not here.bank.filters.sum(axis=(1, 2), dtype=int).any()
    assert np.abs(here.bank.filters.astype(int)).max() <= 64
    dark = bars(20)[0] // 2
    first = np.empty((2, 20, here.first_outputs), np.uint8)
    here.write_first(dark, first[0])
    here.write_first(dark + 90, first[1])
    assert np.array_equal(first[0], first[1])


@pytest.mark.parametrize("text", [*ALL, "pixels"])
def test_kept_loaded_and_sent_it_stays_what_it_was(text: str) -> None:
    here, images = found(text), bars(10)[0]
    about = json.loads(json.dumps(here.about()))
    loaded = FeatureMap.load(about, here.tensors())
    sent = pickle.loads(pickle.dumps(here))
    for other in (loaded, sent):
        assert other.sha256 == here.sha256
        assert other.d_out == here.d_out
        assert np.array_equal(other(images), here(images))
    assert len(pickle.dumps(here)) < 20_000


def test_seeds_and_specs_have_different_hashes() -> None:
    assert len({found(text, seed=seed).sha256 for text in ALL for seed in (0, 1)}) == 2 * len(ALL)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 1),
        ("spec", "patches"),
        ("shape", [14, 12]),
        ("shape", [14, 12, 2]),
        ("shrink", 0),
        ("shrink", True),
        ("seed", 2**70),
        ("patches.window", 3),
        ("patches.grid", [2**40, 1]),
        ("patches.unit", 2**31),
        ("patches.flat", 0),
        ("units.shift", -1),
        ("units", None),
    ],
)
def test_a_damaged_description_is_refused(path: str, value: object) -> None:
    here = found(SMALL)
    about = json.loads(json.dumps(here.about()))
    *folders, last = path.split(".")
    place = about
    for folder in folders:
        place = place[folder]
    place[last] = value
    with pytest.raises(ValueError):
        FeatureMap.load(about, here.tensors())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("filters", np.zeros((31, 7, 7), np.int8)),
        ("filters", np.full((32, 5, 5), 1, np.int8)),
        ("filters", np.full((32, 5, 5), -128, np.int8)),
        ("thresholds", np.full(32, -1, np.int32)),
        ("scale", np.full((2, 32), 2**40, np.int64)),
        ("subtracted", np.zeros(64, np.int64)),
        ("subtracted", None),
    ],
)
def test_damaged_tensors_are_refused(name: str, value: np.ndarray | None) -> None:
    here = found(SMALL)
    tensors = here.tensors()
    if value is None:
        del tensors[f"features.{name}"]
    else:
        tensors[f"features.{name}"] = value
    with pytest.raises(ValueError, match="feature map"):
        FeatureMap.load(here.about(), tensors)


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="168 pixels in a row of type uint8"):
        found(SMALL)(np.zeros((3, 100), np.uint8))


def test_flat_images_have_no_patches_to_learn_from() -> None:
    (spec,) = parse_specs(SMALL)
    with pytest.raises(InputError, match="choose units or pixels"):
        find_map(spec, SHAPE, sample_of(np.full((300, 168), 9, np.uint8)))


@pytest.mark.parametrize(
    "shape", [(40, 60, 1), (32, 32, 3), (64, 64, 3), (224, 224, 3), (6, 5, 1), (3, 4, 1)]
)
def test_any_shape(shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(2).integers(0, 256, (40, np.prod(shape)), dtype=np.uint8)
    (spec,) = parse_specs("patches:filters=16,units=32")
    features = find_map(spec, shape, sample_of(images))(images)
    assert features.any(axis=0).mean() > 0.8


def test_too_many_features_are_refused() -> None:
    (spec,) = parse_specs("patches:filters=4096,units=65536")
    with pytest.raises(InputError, match="are more than 131,072; ask for fewer"):
        find_map(spec, (28, 28, 1), sample_of(np.zeros((20, 784), np.uint8)))


def leaning(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Strokes that lean at random, one kind a little bent: upright, they are easily told apart."""
    random = np.random.default_rng(4)
    images = np.zeros((count, 20, 20), np.uint8)
    labels = np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        lean, at = random.uniform(-1, 1), random.uniform(7, 12)
        for y in range(3, 17):
            x = round(at + lean * (y - 10) + label * (abs(y - 10) < 2))
            image[y, max(x, 0) : max(x, 0) + 2] = random.integers(60, 256)
    return images.reshape(count, -1), labels


def test_moments_are_taken_where_they_help_and_only_there() -> None:
    random = np.random.default_rng(5)
    (spec,) = parse_specs("patches:filters=32,units=0")
    told = []
    for images, labels in (
        leaning(1200),
        (random.integers(0, 256, (1200, 400)), np.arange(1200) % 2),
    ):
        block = Block(0, images.astype(np.uint8), labels)
        sample = Sample.of([block], SampleRows(1200, 400, 0))
        told.append(find_map(spec, (20, 20, 1), sample).moments is not None)
    assert told == [True, False]


@pytest.mark.parametrize(("inputs", "count"), [(256, 256), (200, 640), (300, 48), (1, 16)])
def test_signs_of_a_block_are_orthogonal(inputs: int, count: int) -> None:
    """What SignedUnits promises of places, flips and rows; over all p places, HH' = pI."""
    units = random_units(7, inputs, np.zeros(count, np.int32))
    order = units.order
    assert units.outputs == count
    for block, places in enumerate(units.places):
        rows = units.rows[block * order : (block + 1) * order]
        assert len(set(places.tolist())) == inputs
        assert len(set(rows.tolist())) == len(rows)
        assert {*places.tolist(), *rows.tolist()} <= set(range(order))
    assert set(np.unique(units.flips).tolist()) <= {-1, 1}
    if inputs == order == count:  # one block, of all inputs
        signs = signed_sums(units, np.eye(inputs, dtype=np.int64)).T
        assert np.array_equal(signs @ signs.T, order * np.eye(count))
    other = random_units(8, inputs, np.zeros(count, np.int32))
    assert inputs == 1 or not np.array_equal(units.places, other.places)
