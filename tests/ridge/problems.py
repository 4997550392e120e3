"""Ridge problems whose answer is known, and images to solve for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import CentredSystem

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """X = U diag(s) V', its columns of mean zero, and Y = X T + E with E outside of X's columns.

    So W(λ) = V diag(s² / (s² + nλ)) V'T, and ‖Y - XW‖² = ‖E‖² + Σ (s nλ / (s² + nλ))² ‖v'T‖².
    """

    U: Float  # (n, r)
    s: Float  # (r,)
    V: Float  # (d, r)
    T: Float  # (d, k)
    E: Float  # (n, k)

    @property
    def n(self) -> int:
        return len(self.U)

    @property
    def X(self) -> Float:  # noqa: N802 - as in the formula
        return (self.U * self.s) @ self.V.T

    @property
    def Y(self) -> Float:  # noqa: N802
        return self.X @ self.T + self.E

    def system(self) -> CentredSystem:
        d, k = self.T.shape
        return CentredSystem(
            n=self.n,
            gram=(self.V * self.s**2) @ self.V.T,
            cross=self.V @ (self.s[:, None] ** 2 * (self.V.T @ self.T)),
            target_ss=(self.Y**2).sum(axis=0),
            active=np.arange(d),
            mean=np.zeros(d),
            target_mean=np.zeros(k),
        )

    def weights(self, lam: float) -> Float:
        keep = self.s**2 / (self.s**2 + self.n * lam)
        return self.V @ (keep[:, None] * (self.V.T @ self.T))

    def gcv(self, lam: float) -> float:
        """From the hat matrix itself, which has the intercept's 11'/n in it."""
        hat = (self.U * (self.s**2 / (self.s**2 + self.n * lam))) @ self.U.T + 1 / self.n
        left = self.Y - hat @ self.Y
        return (left**2).sum() / self.n / (1 - hat.trace() / self.n) ** 2


def problem(n: int, d: int, condition: float, *, k: int = 3, noise: float = 1.0, seed: int = 0):
    """A problem of rank min(n - 1, d) whose singular values span `condition`, geometrically."""
    rng = np.random.default_rng(seed)
    r = min(n - 1, d)
    with_ones = np.column_stack([np.ones(n), rng.normal(size=(n, r))])
    U = np.linalg.qr(with_ones)[0][:, 1:]
    V = np.linalg.qr(rng.normal(size=(d, r)))[0]
    E = rng.normal(size=(n, k)) * noise
    E -= E.mean(axis=0)
    E -= U @ (U.T @ E)
    return Problem(U, 30 * np.geomspace(1, 1 / condition, r), V, rng.normal(size=(d, k)), E)


def noise_images(n: int, d: int, classes: int, seed: int = 0):
    """Images of independent pixels, so that X is well conditioned, and labels they tell of."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, d), dtype=np.uint8)
    direction = rng.normal(size=(d, classes))
    seen = (images - 127.5) @ direction + rng.normal(0, 300, (n, classes))
    return images, seen.argmax(axis=1)


def signs(labels: NDArray[np.integer], classes: int) -> Float:
    """The targets: +1 in the column of an image's class and -1 in all others."""
    return np.where(labels[:, None] == np.arange(classes), 1.0, -1.0)
