"""A scikit-learn transformer over the feature maps, for people with arrays in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ridge_spark.cores import available_cores
from ridge_spark.features import Sample, find_map, parse_specs
from ridge_spark.features.sample import SampleRows
from ridge_spark.ridge.blocks import Block


class PatchFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Features of 8-bit images: what whitened patches say of each region, and random units of that.

    X is (n, d) of whole numbers from 0 to 255, an image in each row; the features are of the same
    kind, as uint8. Labels are used for one choice alone: whether images are made upright first.

    Parameters
    ----------
    features : one spec, as `ridge-spark train --features` takes it, such as "patches" or
        "patches:filters=256,units=8192"
    image_shape : (height, width) or (height, width, channels), row major
    random_state : int, which images and which random signs the features are made from
    n_jobs : int, threads to work on; None is 1, and -1 all cores

    Attributes
    ----------
    feature_map_ : the map itself     n_features_in_ : d

    """

    def __init__(
        self,
        features: str = "patches",
        *,
        image_shape: Sequence[int] | None = None,
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.features = features
        self.image_shape = image_shape
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the map from some of the images X (n, d); labels `y` (n,) may be left out."""
        images = as_bytes(validate_data(self, X, dtype=None))
        specs = parse_specs(self.features)
        if len(specs) != 1:
            raise ValueError(f"features={self.features!r}: must be one spec")
        shape = _shape(self.image_shape, images.shape[1])
        rows = SampleRows(len(images), images.shape[1], self.random_state)
        labels = np.unique(y, return_inverse=True)[1] if y is not None else np.zeros(len(images))
        sample = Sample.of([Block(0, images, labels.astype(np.int64))], rows)
        if y is None:
            sample = replace(sample, labels=None)
        threads = threads_of(self.n_jobs)
        self.feature_map_ = find_map(specs[0], shape, sample, self.random_state, threads=threads)
        return self

    def transform(self, X: Any) -> NDArray[np.uint8]:
        """The features of the images X (n, d)."""
        check_is_fitted(self)
        images = as_bytes(validate_data(self, X, reset=False, dtype=None))
        return self.feature_map_(images, threads=threads_of(self.n_jobs))

    @property
    def _n_features_out(self) -> int:
        return self.feature_map_.d_out


def threads_of(n_jobs: int | None) -> int:
    """The threads that scikit-learn's `n_jobs` means."""
    if n_jobs is None:
        return 1
    if n_jobs == -1:
        return available_cores()
    if n_jobs >= 1:
        return n_jobs
    raise ValueError(f"n_jobs={n_jobs!r}: must be 1 or more, or -1 for all cores")


def as_bytes(X: NDArray[Any]) -> NDArray[np.uint8]:
    """X of dtype uint8; `ValueError` if it has anything but whole numbers from 0 to 255."""
    if X.dtype == np.uint8:
        return X
    if not np.issubdtype(X.dtype, np.number) or np.iscomplexobj(X):
        raise ValueError(f"X has the dtype {X.dtype}; features are of 8-bit pixels, 0 to 255")
    if not ((X >= 0) & (X <= 255) & (np.floor(X) == X)).all():
        raise ValueError(
            "X has values that are not whole numbers from 0 to 255; features are of 8-bit pixels"
        )
    return X.astype(np.uint8)


def _shape(image_shape: Sequence[int] | None, d: int) -> tuple[int, int, int]:
    sizes = tuple(int(size) for size in image_shape or ())
    if len(sizes) == 2:
        sizes = (*sizes, 1)
    if len(sizes) != 3 or min(sizes) < 1 or sizes[0] * sizes[1] * sizes[2] != d:
        raise ValueError(
            f"image_shape={image_shape!r}: must be (height, width) or (height, width, channels), "
            f"{d} values in all, as in a row of X"
        )
    return sizes[0], sizes[1], sizes[2]
