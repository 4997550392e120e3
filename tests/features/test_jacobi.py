"""Eigenvalues and eigenvectors: right, and the same bits whatever library adds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ridge_spark.features.jacobi import symmetric_eigen


def symmetric(K: int, kind: str) -> NDArray[np.float64]:
    a = np.random.default_rng(K).integers(-99, 100, (K, K)).astype(np.float64)
    if kind == "rank one":
        return np.outer(a[0], a[0])
    if kind == "graded":
        a *= 10.0 ** -np.arange(K)
    return a @ a.T if kind != "indefinite" else a + a.T


@pytest.mark.parametrize("kind", ["definite", "indefinite", "rank one", "graded"])
@pytest.mark.parametrize("K", [1, 2, 3, 9, 26, 49])
def test_against_lapack(K: int, kind: str) -> None:
    A = symmetric(K, kind)
    e, V = symmetric_eigen(A)
    size = np.abs(A).max() * K
    assert np.allclose(np.sort(e), np.linalg.eigvalsh(A), atol=1e-12 * size, rtol=0)
    assert np.allclose(V @ np.diag(e) @ V.T, A, atol=1e-12 * size, rtol=0)
    assert np.allclose(V.T @ V, np.eye(K), atol=1e-12)


def test_diagonal_and_zero_matrices_are_done_at_once() -> None:
    e, V = symmetric_eigen(np.diag([3.0, 0.0, -2.0]))
    assert e.tolist() == [3, 0, -2]
    assert np.array_equal(V, np.eye(3))
    assert not symmetric_eigen(np.zeros((4, 4)))[0].any()


def test_values_far_apart() -> None:
    A = np.array([[1e-170, 1e-200], [1e-200, 1.0]])
    e, _ = symmetric_eigen(A)
    assert np.allclose(np.sort(e), [1e-170, 1.0])
