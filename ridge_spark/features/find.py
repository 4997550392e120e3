"""Finding a feature map from a sample of images: filters, thresholds, scales, means of units."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.features.feature_map import FeatureMap, random_units, shrunk
from ridge_spark.features.filters import FLAT, contrast_unit, quantile, whitened_filters
from ridge_spark.features.moments import Moments
from ridge_spark.features.sample import Sample
from ridge_spark.features.spec import AUTO, MOST_FEATURES, MOST_SIDE_WITH_MOMENTS, FeatureSpec
from ridge_spark.ridge.centring import centre
from ridge_spark.ridge.kernel.patches import SCALE_BITS, FilterBank, SignedUnits
from ridge_spark.ridge.kernel.portable_features import contrast, patches_of, signed_sums
from ridge_spark.ridge.scoring import scores
from ridge_spark.ridge.solvers import factorise
from ridge_spark.ridge.statistics import Statistics

FEWEST_TO_TRY = 500  # images of a sample, to tell from them whether moments help,
TRIAL_FILTERS, TRIAL_UNITS = 32, 1024  # with few features,
TRIAL_LAMBDA = 0.01  # of the mean variance of a feature:
CLEARLY = 0.85  # if not more than this part of the mistakes is left
CALIBRATION_IMAGES = 1000  # of the sample, for thresholds, scales and means
THRESHOLD = 0.5  # the quantile of the positive responses that is taken for nothing
TOP = 0.999  # the quantile of the pooled responses that becomes 255,
LEAST_TOP = 256  # and the least it is taken for, so that products with the scale fit 64 bits
EVERY = 3  # place down and along whose responses count for the thresholds
DEVIATION = 45  # of a unit's sum, at least, after the shift; less than twice as much
IMAGES_FOR_SHIFT = 200


def find_map(
    spec: FeatureSpec,
    shape: tuple[int, int, int],
    sample: Sample,
    seed: int = 0,
    *,
    threads: int = 1,
) -> FeatureMap:
    """The map for images of `shape` as `spec` asks for it; `InputError` where it can't be had."""
    found = FeatureMap(spec, shape, seed)
    if spec.is_pixels:
        return found
    found = replace(found, shrink=spec.shrink(shape))
    _require_possible(found)
    small = found.small_shape
    if spec.moments == AUTO:
        moments = _helpful_moments(spec, shape, sample, threads)
    else:
        moments = (
            Moments.find(shrunk(sample.images, shape, found.shrink), small)
            if spec.moments
            else None
        )
    found = replace(found, moments=moments)
    images = found.prepared(sample.images, threads=threads)
    if spec.filters:
        found = replace(found, bank=_find_bank(spec, small, Sample(images, sample.keys), threads))
    if spec.units:
        first = np.empty((min(len(images), CALIBRATION_IMAGES), found.first_outputs), np.uint8)
        found.write_first(sample.images[: len(first)], first, threads=threads)
        found = replace(found, units=_find_units(spec.units, first, seed))
    return found


def _helpful_moments(
    spec: FeatureSpec, shape: tuple[int, int, int], sample: Sample, threads: int
) -> Moments | None:
    """The moments, if with them a small model of the sample is wrong on clearly fewer images.

    Half of the sample is fitted, the other half told, each with few features.
    """
    shrink = spec.shrink(shape)
    small = shape[0] // shrink, shape[1] // shrink, shape[2]
    too_large = max(small[:2]) > MOST_SIDE_WITH_MOMENTS
    if sample.labels is None or too_large or len(sample.images) < FEWEST_TO_TRY:
        return None
    wrong, found = [], []
    for moments in (0, 1):
        trial = replace(
            spec, moments=moments, filters=TRIAL_FILTERS if spec.filters else 0,
            units=0 if spec.filters else TRIAL_UNITS,
        )  # fmt: skip
        tried = find_map(trial, shape, sample, threads=threads)
        features = tried(sample.images, threads=threads)
        wrong.append(_wrong_in_other_half(features, sample.labels))
        found.append(tried.moments)
    return found[1] if wrong[1] < CLEARLY * wrong[0] else None


def _wrong_in_other_half(features: NDArray[np.uint8], labels: NDArray[np.int64]) -> int:
    half, classes = len(labels) // 2, int(labels.max()) + 1
    system = centre(Statistics.of(features[:half], labels[:half], classes))
    lam = TRIAL_LAMBDA * max(float(system.gram.trace()) / (half * len(system.gram)), 1e-9)
    coef, intercept = factorise(system, "cholesky").solve(np.array([lam])).weights_at(0)
    answers = scores(features[half:], coef, intercept).argmax(axis=1)
    return int((answers != labels[half:]).sum())


def _require_possible(found: FeatureMap) -> None:
    spec, (height, width, _) = found.spec, found.small_shape
    if spec.moments == 1 and max(height, width) > MOST_SIDE_WITH_MOMENTS:
        raise InputError(
            f"--features {spec.text}: moments are for images of at most "
            f"{MOST_SIDE_WITH_MOMENTS} pixels a side; leave moments out (moments=0)"
        )
    outputs = spec.outputs(found.shape)
    if outputs > MOST_FEATURES:
        raise InputError(
            f"--features {spec.text}: {outputs:,} features are more than "
            f"{MOST_FEATURES:,}; ask for fewer filters, units or cells (grid)"
        )


def _find_bank(
    spec: FeatureSpec, shape: tuple[int, int, int], sample: Sample, threads: int
) -> FilterBank:
    geometry = spec.geometry(shape)
    filters = whitened_filters(sample, geometry, spec.filters)
    F = len(filters)
    bank = FilterBank(
        geometry,
        filters,
        np.zeros(F, np.int32),
        np.ones((2, F), np.int64),
        contrast_unit(filters, geometry),
        FLAT,
    )
    images = sample.images[:CALIBRATION_IMAGES]
    bank = replace(bank, thresholds=_thresholds(bank, images))
    pooled = FeatureMap(spec, shape, bank=bank).at_work_patches.pooled(images, threads=threads)
    top = [[quantile(pooled[:, :, s, f], TOP) for f in range(F)] for s in range(2)]
    scale = (255 << SCALE_BITS) // np.maximum(np.array(top, np.int64), LEAST_TOP)
    return replace(bank, scale=scale)


def _thresholds(bank: FilterBank, images: NDArray[np.uint8]) -> NDArray[np.int32]:
    """The median positive response of each filter, over some places of the images."""
    geometry, (F, K) = bank.geometry, (len(bank.filters), bank.geometry.patch_bytes)
    down, along = geometry.places
    y, x = np.meshgrid(np.arange(0, down, EVERY), np.arange(0, along, EVERY), indexing="ij")
    places = (y * along + x).ravel()
    columns = bank.filters.reshape(F, K).T.astype(np.float64)
    positive: list[list[NDArray[np.int64]]] = [[] for _ in range(F)]
    at_once = max(1, 2**23 // (len(places) * K))
    for start in range(0, len(images), at_once):
        patches = patches_of(images[start : start + at_once], geometry)[:, places]
        r = (patches.astype(np.float64) @ columns).astype(np.int64)
        v = r * contrast(patches, bank.unit, bank.flat)[:, :, None]
        for f in range(F):
            mine = v[:, :, f]
            positive[f].append(mine[mine > 0])
    return np.array([quantile(np.concatenate(p), THRESHOLD) for p in positive], np.int32)


def _find_units(count: int, inputs: NDArray[np.uint8], seed: int) -> SignedUnits:
    """Random units whose sums have a deviation of 45 to 90, and each its mean subtracted."""
    n, d = inputs.shape
    units = random_units(seed, d, np.zeros(count, np.int32))
    z = signed_sums(units, inputs[:IMAGES_FOR_SHIFT].astype(np.int64))
    total = z.sum(axis=0)
    spread = len(z) * (z * z).sum(axis=0) - total * total  # len(z)² times the variances
    deviation = math.isqrt(int(spread.sum()) // (count * len(z) ** 2))
    shift = max(0, (deviation // DEVIATION).bit_length() - 1)
    (sums,) = signed_sums(units, inputs.sum(axis=0, dtype=np.int64)[None])
    return replace(units, shift=shift, subtracted=((sums // n) >> shift).astype(np.int32))
