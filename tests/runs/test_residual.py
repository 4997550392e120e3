"""How far an iteration has come is in the result, and that GCV is not known."""

from __future__ import annotations

import json

import numpy as np

from ridge_spark.ridge.krylov import CONVERGED
from ridge_spark.ridge.solution import Solution, StoredPath
from ridge_spark.runs.training import largest_residual, unconverged_warnings


def test_a_run_tells_the_residual_of_an_iteration(ridge_spark, small_runs, small_data, tmp_path):
    options = ("--lambdas", "1,100,10000", "--limit", 2000, "--out", "run")
    ridge_spark("train", "--data", small_data, "--solver", "krylov", *options)
    iterated = json.loads((tmp_path / "run" / "result.json").read_text())
    direct = json.loads((small_runs / "trained" / "result.json").read_text())
    assert all(0 < residual <= CONVERGED for residual in iterated["residual"])
    assert direct["residual"] == iterated["gcv"] == [None] * 3
    assert iterated["validation_accuracy"] == direct["validation_accuracy"]
    assert iterated["best_lambda"] == direct["best_lambda"]


def test_of_several_folds_the_largest_is_told():
    def of(*residual):
        nothing = np.zeros((3, 1, 1))
        path = StoredPath(nothing, nothing[:, 0])
        return Solution(np.zeros(3), np.zeros(3, bool), path, residual=np.array(residual))

    direct = Solution(np.zeros(3), np.zeros(3, bool), of(0, 0, 0).path)
    assert largest_residual([of(1, np.nan, np.nan), of(2, 4, np.nan), direct], 3) == (2, 4, None)
    assert largest_residual([direct], 3) == (None,) * 3


def test_a_lambda_that_has_not_converged_is_named_with_a_remedy():
    path = StoredPath(np.zeros((2, 1, 1)), np.zeros((2, 1)))
    left, done = (
        Solution(np.zeros(2), np.zeros(2, bool), path, residual=np.array([residual, 0]),
                 converged=np.array([residual == 0, True]))
        for residual in (0.5, 0)
    )  # fmt: skip
    (found,) = unconverged_warnings(np.array([0.5, 2]), [left, done])
    assert "has not converged for λ = 0.5 (residual 5e-01): not chosen from; larger λ" in found
    assert unconverged_warnings(np.array([0.5, 2]), [done]) == ()
