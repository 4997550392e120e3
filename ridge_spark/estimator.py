"""A scikit-learn estimator over the same mathematics, for people with arrays in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ridge_spark.features import FeatureMap
from ridge_spark.model import Model
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.calibration import probabilities, temperature_of_fit
from ridge_spark.ridge.centring import CentredSystem, Float, centre
from ridge_spark.ridge.choice import choose
from ridge_spark.ridge.dual import dual_system, held_out_correct, split_images
from ridge_spark.ridge.dual_weights import IntegerAlpha, finish_weights, weights_task
from ridge_spark.ridge.few_images import are_few
from ridge_spark.ridge.float_products import FloatProducts
from ridge_spark.ridge.float_statistics import FloatStatistics
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.held_out import Sampling
from ridge_spark.ridge.products import products_of
from ridge_spark.ridge.scoring import Weights
from ridge_spark.ridge.selection import group_statistics, score_held_out
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.solvers import SOLVERS, choose_solver, solve_systems, threads_for
from ridge_spark.ridge.weights import MOST, balanced_weights
from ridge_spark.transformer import PatchFeatures, as_bytes, threads_of

DEFAULT_LAMBDAS = tuple(np.logspace(-5, 5, 10))
ROWS_AT_ONCE = 1024  # whose features are in memory together, when they are scored
ACCEPTED = [np.float64, np.uint8]  # anything else becomes the first of them


def _has_temperature(fitted: RidgeClassifier) -> bool:
    check_is_fitted(fitted)
    if fitted.temperature_ is None:
        raise AttributeError(
            f"predict_proba: solver={fitted.solver!r} knows no generalised cross-validation, from "
            "which probabilities come; use another solver"
        )
    return True


class RidgeClassifier(ClassifierMixin, BaseEstimator):
    """Ridge regression onto ±1 targets, λ chosen from a grid.

        minimise  (1/n) ‖Xc W - Yc‖² + λ ‖W‖²        (the intercept is not penalised)

    so that scikit-learn's `alpha` is n·λ. X of dtype uint8 is summed as integers, exactly;
    everything else as float64.

    Parameters
    ----------
    lambdas : sequence of floats, 0 or more; default: the 10 values of logspace(-5, 5, 10)
    cv : how λ is chosen. None: by generalised cross-validation, without holding anything out; an
        int: by that many folds; a float in (0, 1): by holding out that fraction of the samples.
        Ignored where there is one λ only.
    solver : "auto", "tridiagonal", "cholesky", "eigen" or "krylov"
    random_state : int, which samples are held out, and which features' map is found
    n_jobs : int, threads to work on; None is 1, and -1 all cores
    features : what the model sees of X: "pixels", X as it is; or "patches", "wide", "units", with
        parameters as `ridge-spark train --features` takes them. X is then images of 8-bit pixels,
        and a few λ are enough, such as (0.1, 3, 100, 3000): each is a factorisation of its own.
    image_shape : (height, width) or (height, width, channels) of the images; for features
    class_weight : how often each sample of a class counts: a dict from labels to whole numbers, 1
        where it has none, or "balanced", as often as brings each class nearest to the largest

    Attributes
    ----------
    classes_ : (k,)     n_features_in_ : d     lambda_ : the chosen λ
    coef_ : (k, d) float64, (1, d) for two classes     intercept_ : (k,), or (1,)
    temperature_ : T of the probabilities; None where GCV is not known
    gcv_ : (L,), for each λ     cv_accuracy_ : (L,), only where `cv` holds samples out

    """

    def __init__(
        self,
        lambdas: ArrayLike = DEFAULT_LAMBDAS,
        *,
        cv: int | float | None = None,
        solver: str = "auto",
        random_state: int = 0,
        n_jobs: int | None = None,
        features: str = "pixels",
        image_shape: Sequence[int] | None = None,
        class_weight: str | Mapping[Any, int] | None = None,
    ) -> None:
        self.lambdas = lambdas
        self.cv = cv
        self.solver = solver
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.features = features
        self.image_shape = image_shape
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to X (n, d) and labels y (n,), each sample as if it were there `sample_weight` times.

        Weights (n,) are whole numbers, 0 or more. Samples that are held out are scored once each.
        """
        X, y = validate_data(self, X, y, dtype=ACCEPTED)
        check_classification_targets(y)
        counted = whole_weights(sample_weight, len(X))
        if counted is not None and not counted.any():
            raise ValueError("sample_weight: all weights are zero; some must be 1 or more")
        if counted is not None and not counted.all():
            X, y, counted = X[counted > 0], y[counted > 0], counted[counted > 0]
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class only, {self.classes_[0]!r}; at least 2 are needed")
        lambdas, folds, threads = self._check_parameters()
        times = self._times(labels, counted)
        self.feature_map_ = self._find_features(X, y)
        X = self._seen(X)

        few = times is None and are_few(*X.shape)
        fit = self._fit_dual if few else self._fit_primal
        coef, intercept = fit(Block(0, X, labels, times), lambdas, folds, threads)
        gcv = float(self.gcv_[np.flatnonzero(lambdas == self.lambda_)[0]])
        self.temperature_ = temperature_of_fit(X, labels, coef, intercept, gcv, times, counted)
        if len(self.classes_) == 2:  # the two rows are each other's negative
            coef, intercept = coef[1:], intercept[1:]
        self.coef_, self.intercept_ = coef, intercept
        return self

    @classmethod
    def from_run(cls, path: str | Path) -> Self:
        """The model of a run directory, or of a model file, as a fitted estimator.

        X is then images of 8-bit pixels, in rows, and `classes_` are the names of the classes.
        `InputError` if there is no model.
        """
        path = Path(path)
        model = Model.load(path / "model.safetensors" if path.is_dir() else path)
        found = cls([model.lam], features=model.spec, image_shape=model.shape)
        found.classes_ = np.array(model.class_names)
        found.n_features_in_, found.feature_map_ = model.pixels, model.features
        found.lambda_, found.temperature_ = model.lam, model.temperature
        kept = slice(1, None) if len(model.class_names) == 2 else slice(None)
        found.coef_, found.intercept_ = model.coef[kept], model.intercept[kept]
        return found

    def decision_function(self, X: Any) -> Float:
        """Scores of X (n, d): (n, k), or (n,) of the second class where there are two."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=ACCEPTED)
        step = ROWS_AT_ONCE if self.feature_map_ else max(1, len(X))
        seen = (self._seen(X[i : i + step]) for i in range(0, len(X), step))
        scores = np.concatenate(
            [part.astype(np.float64, copy=False) @ self.coef_.T + self.intercept_ for part in seen]
        )
        return scores.ravel() if len(self.classes_) == 2 else scores

    @available_if(_has_temperature)
    def predict_proba(self, X: Any) -> Float:
        """Probabilities of the classes for X (n, d): softmax(scores / `temperature_`); (n, k)."""
        scores = self.decision_function(X)
        if scores.ndim == 1:
            scores = np.stack([-scores, scores], axis=1)
        assert self.temperature_ is not None  # or there is no such method
        return probabilities(scores, self.temperature_)

    def _find_features(self, X: NDArray[Any], y: NDArray[Any]) -> FeatureMap | None:
        if self.features == "pixels":
            return None
        finder = PatchFeatures(
            self.features, image_shape=self.image_shape, random_state=self.random_state,
            n_jobs=self.n_jobs,
        )  # fmt: skip
        return finder.fit(X, y).feature_map_

    def _seen(self, X: NDArray[Any]) -> NDArray[Any]:
        """What the model sees of X (n, d): X itself, or its features."""
        if self.feature_map_ is None:
            return X
        return self.feature_map_(as_bytes(X), threads=threads_of(self.n_jobs))

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels of X (n, d); shape (n,)."""
        scores = self.decision_function(X)
        numbers = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[numbers]

    def _check_parameters(self) -> tuple[Float, Folds, int]:
        lambdas = np.asarray(self.lambdas, np.float64)
        in_range = np.isfinite(lambdas) & (lambdas >= 0)
        if lambdas.ndim != 1 or not len(lambdas) or not in_range.all():
            raise ValueError(
                f"lambdas={self.lambdas!r}: must be a list of finite numbers, 0 or more"
            )
        if self.solver not in ("auto", *SOLVERS):
            raise ValueError(f"solver={self.solver!r}: must be auto, {_listed(SOLVERS)}")
        folds, threads = self._folds(), threads_of(self.n_jobs)
        return lambdas, folds if len(lambdas) > 1 else Folds.none(), threads

    def _folds(self) -> Folds:
        if self.cv is None:
            return Folds.none(self.random_state)
        if isinstance(self.cv, Integral) and self.cv >= 2:
            return Folds.k(int(self.cv), self.random_state)
        if isinstance(self.cv, Real) and 0 < self.cv < 1:
            return Folds.holdout(float(self.cv), self.random_state)
        raise ValueError(
            f"cv={self.cv!r}: must be None, 2 folds or more, or a fraction between 0 and 1"
        )

    def _times(
        self, labels: NDArray[np.intp], counted: NDArray[np.int64] | None
    ) -> NDArray[np.int64] | None:
        """How often each sample counts in sums: its own weight times that of its class."""
        if self.class_weight is None:
            return counted
        if isinstance(self.class_weight, str):
            if self.class_weight != "balanced":
                raise ValueError(f"class_weight={self.class_weight!r}: must be balanced or a dict")
            of_class = balanced_weights(np.bincount(labels, counted).astype(np.int64))
        else:
            given = [self.class_weight.get(label, 1) for label in self.classes_.tolist()]
            of_class = _whole("class_weight", np.asarray(given))
            if not of_class.all():
                raise ValueError("class_weight: a weight is 0; leave the samples of that class out")
        return of_class[labels] * (1 if counted is None else counted)

    def _fit_primal(
        self, block: Block, lambdas: Float, folds: Folds, threads: int
    ) -> tuple[Float, Float]:
        """Choose λ from X'X; returns the weights for it, `coef` (k, d) and `intercept` (k,)."""
        n, d = block.images.shape
        n_held_out = self._count_held_out(folds, n)
        systems = self._systems(block, folds, threads)
        solver = self._solver_for(n, d, lambdas, folds)
        *fitted, full = solve_systems(systems, d, lambdas, solver, threads)
        correct = None
        if fitted:
            candidates = {i: Weights(*solution.weights()) for i, solution in enumerate(fitted)}
            nothing = Sampling(folds.seed, outcomes=0.0, images=0.0)
            scored = score_held_out([block], folds, candidates, nothing, threads=threads)
            correct = scored.totals
        return full.weights_at(self._choose(lambdas, fitted, full, correct, n_held_out))

    def _fit_dual(
        self, block: Block, lambdas: Float, folds: Folds, threads: int
    ) -> tuple[Float, Float]:
        """The same from XX', which is smaller where samples are few."""
        X, labels = block.images, block.labels
        n_held_out = self._count_held_out(folds, len(X))
        (n, d), k = X.shape, len(self.classes_)
        exact = X.dtype == np.uint8
        floats = None if exact else FloatProducts.of(X, threads=threads)
        gram = floats.gram if floats else products_of(X, threads=threads)
        kept, held_out = split_images(folds, n)
        systems = [partial(dual_system, gram, labels, k, images) for images in (*kept, None)]
        solver = self._solver_for(n, n, lambdas, folds)
        *fitted, full = solve_systems(systems, n, lambdas, solver, threads)
        correct = held_out_correct(gram, labels, kept, held_out, fitted) if fitted else None
        best = self._choose(lambdas, fitted, full, correct, n_held_out)
        alpha, target_mean = full.weights_at(best)
        if floats:
            return floats.weights(alpha, target_mean, threads=threads)
        integers = IntegerAlpha.of(alpha)
        sums = weights_task(integers, k, d)([block], threads=threads)
        weights = finish_weights(integers, sums, target_mean)
        return weights.coef, weights.intercept

    def _solver_for(self, n: int, d: int, lambdas: Float, folds: Folds) -> str:
        if self.solver != "auto":
            return self.solver
        systems = folds.held_out + 1
        return choose_solver(n, d, len(lambdas), systems, workers=1, gcv=not folds.held_out)

    def _choose(
        self,
        lambdas: Float,
        fitted: Sequence[Solution],
        full: Solution,
        correct: NDArray[np.int64] | None,
        n_held_out: int,
    ) -> int:
        """Index of the best λ, by held-out samples if there are any, which is noted."""
        if correct is None:
            best = self._least_gcv(full)
        else:
            self.cv_accuracy_ = correct / n_held_out
            converged = np.all([solution.is_converged() for solution in fitted], axis=0)
            best = choose(correct, lambdas, converged)
        self.lambda_, self.gcv_ = float(lambdas[best]), full.gcv
        return best

    def _least_gcv(self, full: Solution) -> int:
        if len(full.gcv) == 1:
            return 0
        if np.isnan(full.gcv).any():
            raise ValueError(
                f"solver={self.solver!r} knows no generalised cross-validation: set cv, or "
                "another solver"
            )
        return int(np.argmin(full.gcv))

    def _systems(
        self, block: Block, folds: Folds, threads: int
    ) -> list[Callable[[], CentredSystem]]:
        """What makes systems without each held-out group, and last that of all samples.

        Each sample is summed once: then groups add up, or subtract where they are integers, to what
        is left without one of them.
        """
        k, held_out, X = len(self.classes_), range(folds.held_out), block.images
        if X.dtype == np.uint8:
            exact = group_statistics([block], folds, X.shape[1], k, threads=threads)
            total = sum(exact[1:], exact[0])
            made = partial(centre, total, threads=threads_for(total.d, threads))
            return [*(partial(made, exact[i]) for i in held_out), made]
        groups = FloatStatistics.of_groups(
            X, block.labels, folds, k, times=block.times, threads=threads
        )
        left = [groups[:i] + groups[i + 1 :] for i in held_out]
        return [partial(FloatStatistics.centre_sum, some) for some in (*left, groups)]

    def _count_held_out(self, folds: Folds, n: int) -> int:
        """How many of n samples are held out; asked before anything is made for each group."""
        sizes = np.bincount(folds.assign(0, n), minlength=folds.groups)[: folds.held_out]
        if ((sizes == 0) | (sizes == n)).any():
            raise ValueError(f"cv={self.cv}: {n} samples are too few to hold some out")
        return int(sizes.sum())


def whole_weights(sample_weight: ArrayLike | None, n: int) -> NDArray[np.int64] | None:
    """Weights of n samples as int64; `ValueError` unless they are whole numbers, 0 or more."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight)
    if weights.ndim == 0:
        weights = np.full(n, weights)
    if weights.shape != (n,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n,)}!")
    return _whole("sample_weight", weights)


def _whole(name: str, weights: NDArray[Any]) -> NDArray[np.int64]:
    """`weights` as int64, of any type of numbers."""
    values = weights.astype(np.float64)
    if not ((values >= 0) & (values <= MOST) & (np.floor(values) == values)).all():
        raise ValueError(
            f"{name}: must be whole numbers from 0 to {MOST:,}, how often each counts; multiply "
            "fractions until they are, and round"
        )
    return values.astype(np.int64)


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}"
