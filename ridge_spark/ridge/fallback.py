"""A solver of regular systems, with the eigendecomposition for the λ that it can't answer for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.eigen import EigenSolver
from ridge_spark.ridge.solution import Solution


class RegularSolver(Protocol):
    """Solves where X'X + NλI is regular to working precision and GCV does not cancel to noise."""

    def attempt(self, lambdas: Float) -> tuple[NDArray[np.bool_], Solution | None]:
        """Which of the λ are solved, (L,), and the solution for those, in the grid's order."""


class EigenFallback:
    """Where the solver has no answer, the eigendecomposition gives the weights of least norm.

    So it does where the weights nearly interpolate the images, as it alone has GCV right there.
    """

    def __init__(
        self, system: CentredSystem, solver: Callable[[CentredSystem], RegularSolver]
    ) -> None:
        self.system, self.regular = system, solver(system)

    @cached_property
    def _eigen(self) -> EigenSolver:
        return EigenSolver(self.system)

    def solve(self, lambdas: Float) -> Solution:
        lambdas = np.asarray(lambdas, np.float64)
        solved, solution = self.regular.attempt(lambdas)
        if solution is None:
            return self._eigen.solve(lambdas)
        if solved.all():
            return solution
        both = Solution.join([solution, self._eigen.solve(lambdas[~solved])])
        return both.take(np.argsort(np.argsort(~solved, kind="stable")))
