"""A scikit-learn estimator over the same mathematics, for people with arrays in memory."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.centring import CentredSystem, Float, centre, centre_floats
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.scoring import Weights
from ridge_spark.ridge.selection import choose, group_correct
from ridge_spark.ridge.solution import Solution
from ridge_spark.ridge.solvers import SOLVERS, choose_solver, solve
from ridge_spark.ridge.statistics import Statistics

DEFAULT_LAMBDAS = tuple(np.logspace(-5, 5, 10))
ACCEPTED = [np.float64, np.uint8]  # anything else becomes the first of them


class RidgeClassifier(ClassifierMixin, BaseEstimator):
    """Ridge regression onto ±1 targets, λ chosen from a grid.

        minimise  (1/n) ‖Xc W - Yc‖² + λ ‖W‖²        (the intercept is not penalised)

    so that scikit-learn's `alpha` is n·λ. X of dtype uint8 is summed as integers, exactly;
    everything else as float64.

    Parameters
    ----------
    lambdas : sequence of floats, 0 or more; default: the 10 values of logspace(-5, 5, 10)
    cv : how λ is chosen. None: by generalised cross-validation, without holding anything out; an
        int: by that many folds; a float in (0, 1): by holding out that share of the samples.
        Ignored where there is one λ only.
    solver : "auto", "tridiagonal", "cholesky" or "eigen"
    seed : int, which samples are held out
    threads : int, threads for BLAS and the integer kernel

    Attributes
    ----------
    classes_ : (k,)     n_features_in_ : d     lambda_ : the chosen λ
    coef_ : (k, d) float64, (1, d) for two classes     intercept_ : (k,), or (1,)
    gcv_ : (L,), for each λ     cv_accuracy_ : (L,), only where `cv` holds samples out

    """

    def __init__(
        self,
        lambdas: ArrayLike = DEFAULT_LAMBDAS,
        *,
        cv: int | float | None = None,
        solver: str = "auto",
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self.lambdas = lambdas
        self.cv = cv
        self.solver = solver
        self.seed = seed
        self.threads = threads

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to X (n, d) and labels y (n,)."""
        X, y = validate_data(self, X, y, dtype=ACCEPTED)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class only, {self.classes_[0]!r}; at least 2 are needed")
        lambdas, folds = self._check_parameters()

        full = self._solve(X, labels, lambdas)
        best = int(np.argmin(full.gcv))
        if folds and len(lambdas) > 1:
            correct, held_out = self._cross_validate(X, labels, lambdas, folds)
            self.cv_accuracy_ = correct / held_out
            best = choose(correct, lambdas)
        self.lambda_, self.gcv_ = float(lambdas[best]), full.gcv
        coef, intercept = full.weights_at(best)
        if len(self.classes_) == 2:  # the two rows are each other's negative
            coef, intercept = coef[1:], intercept[1:]
        self.coef_, self.intercept_ = coef, intercept
        return self

    def decision_function(self, X: Any) -> Float:
        """Scores of X (n, d): (n, k), or (n,) of the second class where there are two."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=ACCEPTED)
        scores = X.astype(np.float64, copy=False) @ self.coef_.T + self.intercept_
        return scores.ravel() if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels of X (n, d); shape (n,)."""
        scores = self.decision_function(X)
        numbers = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[numbers]

    def _check_parameters(self) -> tuple[Float, Folds | None]:
        lambdas = np.asarray(self.lambdas, np.float64)
        in_range = np.isfinite(lambdas) & (lambdas >= 0)
        if lambdas.ndim != 1 or not len(lambdas) or not in_range.all():
            raise ValueError(
                f"lambdas={self.lambdas!r}: must be a list of finite numbers, 0 or more"
            )
        if self.solver not in ("auto", *SOLVERS):
            raise ValueError(
                f"solver={self.solver!r}: must be auto, tridiagonal, cholesky or eigen"
            )
        if self.threads < 1:
            raise ValueError(f"threads={self.threads!r}: must be 1 or more")
        if self.cv is None:
            return lambdas, None
        if isinstance(self.cv, Integral) and self.cv >= 2:
            return lambdas, Folds.k(int(self.cv), self.seed)
        if isinstance(self.cv, Real) and 0 < self.cv < 1:
            return lambdas, Folds.holdout(float(self.cv), self.seed)
        raise ValueError(
            f"cv={self.cv!r}: must be None, 2 folds or more, or a share between 0 and 1"
        )

    def _cross_validate(
        self, X: NDArray[Any], labels: NDArray[np.intp], lambdas: Float, folds: Folds
    ) -> tuple[NDArray[np.int64], int]:
        group_of = folds.assign(0, len(X))
        correct, held_out = np.zeros(len(lambdas), np.int64), 0
        for group in range(folds.held_out):
            out = group_of == group
            if out.all() or not out.any():
                raise ValueError(f"cv={self.cv}: {len(X)} samples are too few to hold some out")
            fitted = self._solve(X[~out], labels[~out], lambdas)
            weights = {group: Weights(*fitted.weights())}
            found = group_correct([Block(0, X, labels)], folds, weights, threads=self.threads)
            correct += found[group]
            held_out += int(out.sum())
        return correct, held_out

    def _solve(self, X: NDArray[Any], labels: NDArray[np.intp], lambdas: Float) -> Solution:
        system = self._system(X, labels)
        solver = self.solver
        if solver == "auto":
            n, d = X.shape
            solver = choose_solver(n, d, len(lambdas), systems=1, workers=1)
        return solve(system, lambdas, solver, threads=self.threads)

    def _system(self, X: NDArray[Any], labels: NDArray[np.intp]) -> CentredSystem:
        k = len(self.classes_)
        if X.dtype == np.uint8:
            return centre(Statistics.of(X, labels, k, threads=self.threads))
        return centre_floats(X, labels, k)
