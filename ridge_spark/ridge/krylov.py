"""Ridge regression for thousands of unknowns: float32 factors, and one subspace for all λ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from ridge_spark.ridge.centring import CentredSystem, Float
from ridge_spark.ridge.cost import Cost
from ridge_spark.ridge.factor import Factor, norm_of
from ridge_spark.ridge.solution import Solution, StoredPath
from ridge_spark.ridge.subspace import Subspace

TOLERANCE = 5e-9  # of ‖Xc'Yc - (Xc'Xc + NλI) W‖ beside ‖Xc'Yc‖, of each class, and
WEIGHTS = 1e-6  # of what that lets the weights be wrong by, at most: an iteration goes on for both
CONVERGED = 1e-8  # and what the first must have come to; or as near as rounding lets it
ROUNDING = 8 * np.finfo(np.float64).eps  # of the residual, beside ‖Xc'Xc‖ ‖W‖
SPANS = (1.0, 2.0, 4.0, 10.0)  # ratios of λ that one factorisation may be meant to serve
STEPS = 40  # with one factorisation, at most
POLE_STEPS = 3  # that λ₀ itself takes
UNKNOWNS_A_STEP = 1400  # a factorisation takes as long as one such step for each of these,
COLUMNS_A_STEP = 60  # and this many columns more make a step take twice as long
GAIN = 1e-7  # of the residual, by conjugate gradients
MOST_COLUMNS = 1500  # of the subspace


class KrylovSolver:
    """With an orthonormal basis V (a, m) of a subspace that serves every λ,

        W(λ) = V (V' Xc'Xc V + NλI)⁻¹ V' Xc'Yc

    which of all weights in the subspace is the nearest to the solution in the norm of the system,
    for every λ at once. For some λ₀ of the grid the subspace grows by M⁻¹R, R the residual of all
    classes, until that is small: with M = LL' ≈ Xc'Xc + Nλ₀I in float32, for half the memory and
    twice the speed of float64, in two or three steps. That L is inexact does no harm but to the
    number of steps, since the basis, its products with Xc'Xc and the residuals are float64.

    It is a rational Krylov method whose poles are the λ₀ (Ruhe, Linear Algebra and its Applications
    58, 1984) with a preconditioner in place of the exact inverse (Davidson, Journal of
    Computational Physics 17, 1975). The neighbours of a λ₀ start from the subspace and go on by
    conjugate gradients, preconditioned by M too, all as one block: a λ at a ratio κ gains
    (√κ - 1) / (√κ + 1) a step. How many share a factor is what should be the fastest. Where float32
    is too coarse, the factor is of float64.

    A penalty that is lost in rounding is left to a direct factor, and where that finds the matrix
    singular, there is no answer.

    It knows no degrees of freedom: the trace of an inverse would cost as much as all else, so that
    GCV is NaN, for not known.
    """

    def __init__(self, system: CentredSystem) -> None:
        self.system = system
        self.B = np.ascontiguousarray(system.cross.T)  # (k, a), as all columns here are rows
        self.norm_of_B = np.linalg.norm(self.B, axis=1)
        self.norm_of_B[self.norm_of_B == 0] = 1.0  # a class that no pixel tells of has no weights
        self.norm = norm_of(system.gram)
        self.subspace = Subspace(lambda Z: Z @ system.gram, len(system.gram))
        self.factor: Factor | None = None
        self.precision: type[np.floating] = np.float32

    @staticmethod
    def cost(a: int, lambdas: int) -> Cost:
        """A few factorisations, a³/3 operations of half the price each, and some fifty steps.

        Besides the system, a factor of float32 is in memory: 1.5 matrices of float64 in all, or 2
        where float32 is too coarse.
        """
        poles = min(lambdas, 4)
        traffic = (40 + lambdas) * 16 * a**2
        return Cost(operations=poles * a**3 / 6, traffic=traffic, memory=4 * a * a)

    def attempt(self, lambdas: Float) -> tuple[NDArray[np.bool_], Solution | None]:
        shifts, L = self.system.n * lambdas, len(lambdas)
        W, residual = np.zeros((L, *self.B.shape)), np.zeros(L)
        converged, solved = np.ones(L, np.bool_), np.ones(L, np.bool_)
        large = np.flatnonzero(shifts > self._rounding)
        for indices in [
            *(large[cell] for cell in self._cells(lambdas[large])),
            *self._small(shifts),
        ]:
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

    def _cells(self, lambdas: Float) -> list[NDArray[np.intp]]:
        """The grid in groups of λ that share a factor, as should be the fastest."""
        a, k = self.B.T.shape

        def steps(span: float) -> float:
            found = cells(lambdas, span)
            return sum(a / UNKNOWNS_A_STEP + steps_for(lambdas[cell], k) for cell in found)

        return cells(lambdas, min(SPANS, key=steps))

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
            self.factor = None  # first, for its memory
            self.factor = Factor.of_regular(self.system.gram, float(shifts[0]), self.norm)
            return self._step_on(shifts, self._project(shifts)) if self.factor else None
        state = self._project(shifts)
        if state.all_done:
            return state
        pole = nearest(shifts)
        room, self.factor = self.factor.L if self.factor else None, None
        if room is not None and room.dtype != self.precision:
            room = None  # first, for its memory
        self.factor = Factor.of(self.system.gram, float(shifts[pole]), self.precision, room)
        self._step_on(shifts[[pole]], state.take([pole]))
        state = self._conjugate_gradients(shifts, self._project(shifts))
        left = np.flatnonzero(~state.done.all(axis=1))
        if len(left) and self.precision == np.float32:
            self.precision = np.float64  # smaller penalties, which come next, need it all the more
            again = self._solve_cell(shifts[left])
            assert again is not None
            return state.put(left, again)
        return state

    def _step_on(self, shifts: Float, state: Projected) -> Projected:
        """Steps until all is done, or three in a row have gained next to nothing."""
        idle = 0
        for _ in range(STEPS):
            if state.all_done or idle == 3:
                break
            before = state.worst
            state = self._step(shifts, state)
            idle = idle + 1 if state.worst > before * 0.9 else 0
        return state

    def _step(self, shifts: Float, state: Projected) -> Projected:
        """Let the subspace grow by the preconditioned residual of the one λ."""
        R = state.R[0]
        if self.subspace.size + len(R) > MOST_COLUMNS:
            self.subspace = Subspace(lambda Z: Z @ self.system.gram, len(self.B.T))
            self.subspace.grow(state.W.reshape(-1, state.W.shape[-1]))
        self.subspace.grow(self.factor.solve(R) if self.factor else R)
        return self._project(shifts)

    def _project(self, shifts: Float) -> Projected:
        """The best weights of the subspace for each Nλ, and what they leave."""
        V, GV, T = self.subspace.V, self.subspace.GV, self.subspace.T
        rotated = V @ self.B.T  # (m, k)
        Y = np.concatenate([self._solve_projected(T, rotated, shift).T for shift in shifts])
        W = (Y @ V).reshape(len(shifts), *self.B.shape)
        R = self.B - (Y @ GV).reshape(W.shape) - shifts[:, None, None] * W
        return self._state(shifts, W, R)

    def _state(self, shifts: Float, W: Float, R: Float) -> Projected:
        residual = np.linalg.norm(R, axis=2) / self.norm_of_B
        weight = np.linalg.norm(W, axis=2) / self.norm_of_B
        enough = np.minimum(TOLERANCE, WEIGHTS * shifts[:, None] * weight)
        floor = ROUNDING * (self.norm + shifts[:, None]) * weight
        return Projected(W, R, residual, np.maximum(enough, floor), floor)

    def _conjugate_gradients(self, shifts: Float, state: Projected) -> Projected:
        """Take every (λ, class) on to where it is done, each for itself but all in one product."""
        assert self.factor is not None
        todo = np.argwhere(~state.done)
        if not len(todo):
            return state
        W, at = state.W.copy(), tuple(todo.T)
        shift, goal = shifts[at[0], None], (state.enough[at] * self.norm_of_B[at[1]])
        X, R = W[at], state.R[at]
        P, rz = np.zeros_like(R), np.ones(len(R))
        for _ in range(STEPS):
            Z = self.factor.solve(R)
            rz, before = np.einsum("ij,ij->i", R, Z), rz
            P = Z + (rz / before)[:, None] * P
            Q = P @ self.system.gram + shift * P
            step = (rz / np.einsum("ij,ij->i", P, Q))[:, None]
            X += step * P
            R -= step * Q
            going = np.linalg.norm(R, axis=1) > goal / 2  # as it is not measured but carried on
            W[tuple(todo[~going].T)] = X[~going]
            todo, shift, goal = todo[going], shift[going], goal[going]
            X, R, P, rz = X[going], R[going], P[going], rz[going]
            if not len(todo):
                break
        W[tuple(todo.T)] = X
        products = (W.reshape(-1, W.shape[2]) @ self.system.gram).reshape(W.shape)
        return self._state(shifts, W, self.B - products - shifts[:, None, None] * W)

    def _solve_projected(self, T: Float, rotated: Float, shift: float) -> Float:
        """(T + shift I)⁻¹ rotated, which is as regular as the matrix itself."""
        if not len(T):
            return rotated
        shifted = T.copy()
        shifted.flat[:: len(T) + 1] += shift
        return cho_solve(cho_factor(shifted, lower=True, overwrite_a=True), rotated)


@dataclass(frozen=True)
class Projected:
    """Weights W (L, k, a), what they leave, R (L, k, a), and how much that is.

    `class_residual` (L, k) is beside that of Xc'Yc, `enough` (L, k) what will do, and `floor`
    (L, k) what rounding makes of it anyway. Weights are wrong by ‖R‖ / Nλ at most.
    """

    W: Float
    R: Float
    class_residual: Float
    enough: Float
    floor: Float

    @property
    def residual(self) -> Float:
        """The largest of all classes, (L,)."""
        return self.class_residual.max(axis=1)

    @property
    def worst(self) -> float:
        return float(self.residual.max())

    @property
    def done(self) -> NDArray[np.bool_]:
        return self.class_residual <= self.enough

    @property
    def all_done(self) -> bool:
        return bool(self.done.all())

    @property
    def converged(self) -> NDArray[np.bool_]:
        near = np.maximum(CONVERGED, self.floor)
        worst: Float = (self.class_residual / near).max(axis=1)
        return worst <= 1

    def take(self, indices: Sequence[int]) -> Projected:
        """The same for some of the λ."""
        return Projected(*(getattr(self, each.name)[indices] for each in fields(self)))

    def put(self, indices: NDArray[np.intp], those: Projected) -> Projected:
        """The same, with `those` for some of the λ."""
        for each in fields(self):
            getattr(self, each.name)[indices] = getattr(those, each.name)
        return self


def nearest(lambdas: Float) -> int:
    """Index of the one in their midst, by ratios."""
    centre = np.sqrt(lambdas.max() * lambdas.min())
    return int(np.abs(np.log(lambdas / centre)).argmin())


def steps_for(lambdas: Float, classes: int) -> float:
    """Steps of a single λ that those which share a factor should take together."""
    pole = lambdas[nearest(lambdas)]
    root = float(np.sqrt(max(lambdas.max() / pole, pole / lambdas.min())))
    if root == 1:
        return POLE_STEPS
    steps = np.log(GAIN) / np.log((root - 1) / (root + 1))
    return POLE_STEPS + float(steps) * (1 + (len(lambdas) - 1) * classes / COLUMNS_A_STEP)


def cells(lambdas: Float, span: float) -> list[NDArray[np.intp]]:
    """The grid in groups of λ, the largest first, each at most `span` times another of its own."""
    order, groups = np.argsort(-lambdas, kind="stable"), []
    while len(order):
        near = lambdas[order] * span * (1 + 1e-9) >= lambdas[order[0]]
        groups.append(order[near])
        order = order[~near]
    return groups
