"""Ridge regression for thousands of unknowns: float32 factors, and one subspace for all λ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, qr

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.cholesky import reciprocal_condition
from ridge_spark.ridge.cost import Cost
from ridge_spark.ridge.lapack import call
from ridge_spark.ridge.solution import Solution, StoredPath

TOLERANCE = 1e-11  # of ‖Xc'Yc - (Xc'Xc + NλI) W‖ beside ‖Xc'Yc‖: what an iteration goes on for
CONVERGED = 1e-8  # and what it must have come to; or as near as rounding lets it
ROUNDING = 8 * np.finfo(np.float64).eps  # of the residual, beside ‖Xc'Xc‖ ‖W‖
SPAN = 16.0  # ratio of λ that one factorisation is meant to serve
STEPS = 40  # with one factorisation, at most
TRIAL = 3  # steps with the factorisation there is, before another is made
UNKNOWNS_A_STEP = 480  # a factorisation takes as long as one step for each of these
MOST_COLUMNS = 1500  # of the subspace
SAME_DIRECTION = 1e-9  # what is left of a new column, once all others are taken out of it


class KrylovSolver:
    """With an orthonormal basis V (a, m) of a subspace that serves every λ,

        W(λ) = V (V' Xc'Xc V + NλI)⁻¹ V' Xc'Yc

    which of all weights in the subspace is the nearest to the solution in the norm of the system,
    for every λ at once. While the residual R of some λ is too large, the subspace grows by M⁻¹R,
    all classes as one block, with M = LL' ≈ Xc'Xc + Nλ₀I for a λ₀ near it: in float32, for half the
    memory and twice the speed of float64. That L is inexact does no harm but to the number of
    steps, since the basis, its products with Xc'Xc and the residuals are float64.

    It is a rational Krylov method whose poles are the λ₀ (Ruhe, Linear Algebra and its Applications
    58, 1984) with a preconditioner in place of the exact inverse (Davidson, Journal of
    Computational Physics 17, 1975). A λ₀ far from the last one is taken only where a few steps show
    that the last factor would take longer. Where float32 is too coarse, the factor is of float64.

    A penalty that is lost in rounding is left to a direct factor, and where that finds the matrix
    singular, there is no answer.

    It knows no degrees of freedom: the trace of an inverse would cost as much as all else, so that
    GCV is NaN, for not known.
    """

    def __init__(self, system: CentredSystem) -> None:
        self.system = system
        self.B = np.ascontiguousarray(system.cross.T)  # (k, a), as all columns here are rows
        self.norm_of_B = float(np.linalg.norm(self.B))
        self.norm = float(np.abs(system.gram).sum(axis=0).max(initial=0.0))
        self.subspace = Subspace(lambda Z: Z @ system.gram, len(system.gram))
        self.factor: Factor | None = None

    @staticmethod
    def cost(a: int, lambdas: int) -> Cost:
        """A few factorisations, a³/3 operations of half the price each, and some fifty steps."""
        poles = min(lambdas, 4)
        traffic = (40 + lambdas) * 16 * a**2
        return Cost(operations=poles * a**3 / 6, traffic=traffic, memory=4 * a * a)

    def attempt(self, lambdas: Float) -> tuple[NDArray[np.bool_], Solution | None]:
        shifts, L = self.system.n * lambdas, len(lambdas)
        W, residual = np.zeros((L, *self.B.shape)), np.zeros(L)
        converged, solved = np.ones(L, np.bool_), np.ones(L, np.bool_)
        large = np.flatnonzero(shifts > self._rounding)
        for indices in [*(large[cell] for cell in cells(lambdas[large])), *self._small(shifts)]:
            state = self._solve_cell(shifts[indices])
            if state is None:
                solved[indices] = False
                continue
            W[indices], residual[indices] = state.W, state.residual
            converged[indices] = state.converged
        if not solved.any():
            return solved, None
        return solved, Solution(
            gcv=np.full(solved.sum(), np.nan),
            singular=np.zeros(solved.sum(), np.bool_),
            path=StoredPath(*self.system.to_pixels(W[solved])),
            residual=residual[solved],
            converged=converged[solved],
        )

    def _small(self, shifts: Float) -> list[NDArray[np.intp]]:
        """One cell for each penalty that is not told from none."""
        return [np.array([i]) for i in np.flatnonzero(shifts <= self._rounding)]

    @property
    def _rounding(self) -> float:
        """A penalty as small as this is not told from none."""
        return len(self.system.gram) * np.finfo(np.float64).eps * self.norm

    def _solve_cell(self, shifts: Float) -> Projected | None:
        """Solve for all of these Nλ, which are near each other; None where that is singular."""
        if shifts.max() <= self._rounding:
            self.factor = None
            self.factor = Factor.of_regular(self.system.gram, float(shifts[0]), self.norm)
            return self._step_on(shifts, self._project(shifts)) if self.factor else None
        state = self._project(shifts)
        if state.all_done:
            return state
        state, promising = self._trial(shifts, state)
        if promising:
            state = self._step_on(shifts, state)
        for precision in (np.float32, np.float64):
            if state.all_done or (state.converged.all() and precision == np.float64):
                break
            self.factor = None  # first, for its memory
            centre = float(np.sqrt(shifts.max() * max(shifts.min(), shifts.max() / SPAN)))
            self.factor = Factor.of(self.system.gram, centre, precision)
            state = self._step_on(shifts, state)
        return state

    def _trial(self, shifts: Float, state: Projected) -> tuple[Projected, bool]:
        """A few steps with what there is, and whether to go on is faster than a new factor."""
        before = state.worst
        for _ in range(TRIAL):
            state = self._step(shifts, state)
            if state.all_done:
                return state, False
        rate = (state.worst / before) ** (1 / TRIAL)
        if rate >= 1:
            return state, False
        needed = np.log(TOLERANCE / state.worst) / np.log(rate)
        return state, needed < len(self.system.gram) / UNKNOWNS_A_STEP

    def _step_on(self, shifts: Float, state: Projected) -> Projected:
        """Steps until all is done, or three in a row have gained next to nothing."""
        idle = 0
        for _ in range(STEPS):
            if state.all_done or idle == 3:
                break
            before = state.worst
            state = self._step(shifts, state)
            idle = idle + 1 if state.worst > before / 2 and state.worst > before * 0.9 else 0
        return state

    def _step(self, shifts: Float, state: Projected) -> Projected:
        """Let the subspace grow by the preconditioned residual of the λ that has the largest."""
        if self.subspace.size + len(self.B) > MOST_COLUMNS:
            self.subspace = Subspace(lambda Z: Z @ self.system.gram, len(self.B.T))
            self.subspace.grow(state.W.reshape(-1, state.W.shape[-1]))
        R = state.R
        self.subspace.grow(self.factor.solve(R) if self.factor else R)
        return self._project(shifts)

    def _project(self, shifts: Float) -> Projected:
        """The best weights of the subspace for each Nλ, and what they leave."""
        V, GV, T = self.subspace.V, self.subspace.GV, self.subspace.T
        rotated = V @ self.B.T  # (m, k)
        residual, weight = np.empty(len(shifts)), np.empty(len(shifts))
        W, worst = np.empty((len(shifts), *self.B.shape)), self.B
        for i, shift in enumerate(shifts):
            Y = self._solve_projected(T, rotated, shift)
            W[i] = Y.T @ V
            R = self.B - Y.T @ GV - shift * W[i]
            residual[i] = np.linalg.norm(R) / (self.norm_of_B or 1.0)
            weight[i] = np.linalg.norm(W[i]) / (self.norm_of_B or 1.0)
            if residual[i] == residual[: i + 1].max():
                worst = R
        floor = ROUNDING * (self.norm + shifts) * weight
        return Projected(W, worst, residual, floor)

    def _solve_projected(self, T: Float, rotated: Float, shift: float) -> Float:
        """(T + shift I)⁻¹ rotated, which is as regular as the matrix itself."""
        if not len(T):
            return rotated
        shifted = T.copy()
        shifted.flat[:: len(T) + 1] += shift
        return cho_solve(cho_factor(shifted, lower=True, overwrite_a=True), rotated)


@dataclass(frozen=True)
class Projected:
    """Weights W (L, k, a) in a subspace, the largest residual R (k, a), and the sizes of all.

    `residual` (L,) is beside that of Xc'Yc, and `floor` (L,) what rounding makes of it anyway.
    """

    W: Float
    R: Float
    residual: Float
    floor: Float

    @property
    def worst(self) -> float:
        return float(self.residual.max())

    @property
    def all_done(self) -> bool:
        return bool((self.residual <= np.maximum(TOLERANCE, self.floor)).all())

    @property
    def converged(self) -> NDArray[np.bool_]:
        return self.residual <= np.maximum(CONVERGED, self.floor)


@dataclass
class Subspace:
    """Orthonormal rows V (m, a), their products GV (m, a) with the matrix, and T = V G V'."""

    product: Callable[[Float], Float]  # of rows (p, a) with the matrix
    a: int
    size: int = 0
    _V: Float = field(init=False)
    _GV: Float = field(init=False)

    def __post_init__(self) -> None:
        self._V, self._GV = np.empty((0, self.a)), np.empty((0, self.a))
        self.T = np.empty((0, 0))

    @property
    def V(self) -> Float:  # noqa: N802 - as in the formula
        return self._V[: self.size]

    @property
    def GV(self) -> Float:  # noqa: N802
        return self._GV[: self.size]

    def grow(self, Z: Float) -> None:
        """Add the directions of the rows of Z (p, a) that are new."""
        lengths = np.linalg.norm(Z, axis=1, keepdims=True)
        Z = Z[lengths[:, 0] > 0] / lengths[lengths[:, 0] > 0]
        for _ in range(2):  # once leaves rounding error behind
            Z = Z - (Z @ self.V.T) @ self.V
        Q, R, _ = qr(Z.T, mode="economic", pivoting=True, check_finite=False)
        new = Q.T[np.abs(np.diagonal(R)) > SAME_DIRECTION]
        new = new - (new @ self.V.T) @ self.V
        new /= np.linalg.norm(new, axis=1, keepdims=True)
        self._make_room(len(new))
        rows = slice(self.size, self.size + len(new))
        self._V[rows] = new
        self._GV[rows] = self.product(new)
        self.size = rows.stop
        T = np.empty((self.size, self.size))
        T[: rows.start, : rows.start] = self.T
        T[rows] = self.GV[rows] @ self.V.T
        T[: rows.start, rows] = T[rows, : rows.start].T
        corner = T[rows, rows]
        T[rows, rows] = (corner + corner.T) / 2
        self.T = T

    def _make_room(self, rows: int) -> None:
        if self.size + rows > len(self._V):
            more = np.empty((max(rows, len(self._V) // 2, 64), self.a))
            self._V = np.concatenate([self._V, more])
            self._GV = np.concatenate([self._GV, more])


@dataclass(frozen=True)
class Factor:
    """L of LL' ≈ G + shift I, in Fortran's order, float32 or float64."""

    L: NDArray[np.floating]

    @classmethod
    def of(cls, gram: Float, shift: float, precision: type[np.floating]) -> Factor:
        """With more on the diagonal where rounding makes of the matrix one that has no factor."""
        a, routine = len(gram), "spotrf" if precision == np.float32 else "dpotrf"
        rounding = float(np.finfo(precision).eps * np.diagonal(gram).max(initial=0.0))
        extra = 0.0
        while True:
            L = np.array(gram.T, precision, order="F")  # symmetric, so that this is a plain copy
            L.flat[:: a + 1] += precision(shift + extra)
            try:
                call(routine, "L", a, L, a)
                return cls(L)
            except LinAlgError:
                del L
                extra = max(10 * extra, 10 * rounding)

    @classmethod
    def of_regular(cls, gram: Float, shift: float, norm: float) -> Factor | None:
        """The factor in float64; None where LAPACK finds G + shift I singular to that precision."""
        a = len(gram)
        L = np.array(gram.T, order="F")
        L.flat[:: a + 1] += shift
        try:
            call("dpotrf", "L", a, L, a)
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
        return Z.astype(np.float64)


def cells(lambdas: Float) -> list[NDArray[np.intp]]:
    """The grid in groups of λ that one factorisation can serve, the largest first."""
    order, groups = np.argsort(-lambdas, kind="stable"), []
    while len(order):
        near = lambdas[order] * SPAN >= lambdas[order[0]]
        groups.append(order[near])
        order = order[~near]
    return groups
