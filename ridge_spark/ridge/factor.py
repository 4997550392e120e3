"""Cholesky factors of large symmetric matrices, in float32 where that will do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.cholesky import reciprocal_condition
from ridge_spark.ridge.lapack import call

ROWS = 64  # of a matrix that are gone through at a time


@dataclass(frozen=True)
class Factor:
    """L of LL' ≈ G + shift I, in Fortran's order, float32 or float64."""

    L: NDArray[np.floating]

    @classmethod
    def of(
        cls,
        gram: Float,
        shift: float,
        precision: type[np.floating],
        room: NDArray[np.floating] | None = None,
    ) -> Factor:
        """With more on the diagonal where rounding makes of the matrix one that has no factor.

        It takes the place of `room`, a factor of that size and precision which is done with.
        """
        L = np.empty_like(gram, precision, order="F") if room is None else room
        rounding = float(np.finfo(precision).eps * np.diagonal(gram).max(initial=0.0))
        extra = 0.0
        while True:
            try:
                _factorise(gram, shift + extra, L)
                return cls(L)
            except LinAlgError:
                extra = max(10 * extra, 10 * rounding)

    @classmethod
    def of_regular(cls, gram: Float, shift: float, norm: float) -> Factor | None:
        """The factor in float64; None where LAPACK finds G + shift I singular to that precision."""
        a, L = len(gram), np.empty_like(gram, order="F")
        try:
            _factorise(gram, shift, L)
        except LinAlgError:
            return None
        regular = reciprocal_condition(L, norm + shift) >= a * np.finfo(np.float64).eps
        return cls(L) if regular else None

    def solve(self, R: Float) -> Float:
        """(LL')⁻¹ of each row of R (k, a)."""
        a, k = len(self.L), len(R)
        scale = np.abs(R).max() or 1.0  # residuals leave the range of float32 before it matters
        Z = np.array(R / scale, self.L.dtype)  # its rows are LAPACK's columns
        call("spotrs" if Z.dtype == np.float32 else "dpotrs", "L", a, k, self.L, a, Z, a)
        return Z.astype(np.float64) * scale


def _factorise(gram: Float, shift: float, L: NDArray[np.floating]) -> None:
    """Write L of LL' = gram + shift I below the diagonal; `LinAlgError` where there is none.

    What is above the diagonal then means nothing.
    """
    a = len(gram)
    for start in range(0, a, ROWS):
        L.T[start : start + ROWS, start:] = gram[start : start + ROWS, start:]
    L.flat[:: a + 1] += L.dtype.type(shift)
    call("spotrf" if L.dtype == np.float32 else "dpotrf", "L", a, L, a)


def norm_of(gram: Float) -> float:
    """‖G‖₁ of a symmetric matrix, without a copy of it."""
    rows = (slice(start, start + ROWS) for start in range(0, len(gram), ROWS))
    return max((float(np.abs(gram[i]).sum(axis=1).max()) for i in rows), default=0.0)
