"""Solved by products with the images alone: the same weights, in any order of the blocks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.centring import centre
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.nystrom import Nystrom
from ridge_spark.ridge.operator import Moments, OperatorSystem, group_moments
from ridge_spark.ridge.operator_solver import CONVERGED, OperatorSolver
from ridge_spark.ridge.solvers import factorise
from ridge_spark.ridge.statistics import Statistics

CLASSES, FOLDS = 3, Folds.k(3)
GRID = np.array([1.0, 1e4, 30.0, 1e-1])


def smooth_images(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Images whose pixels follow few causes, as those of photographs do, and two constant ones."""
    random = np.random.default_rng(n + d)
    causes = random.normal(size=(n, 12)) * 0.7 ** np.arange(12)
    X = 128 + 60 * causes @ random.normal(size=(12, d)) / 3 + random.normal(0, 4, (n, d))
    images = X.clip(0, 255).astype(np.uint8)
    images[:, 0], images[:, d // 2] = 0, 200
    return images, np.digitize(causes[:, 0] + 0.3 * causes[:, 1], [-0.4, 0.4])


def blocks_of(images, labels, size):
    starts = range(0, len(images), size)
    return [Block(s, images[s : s + size], labels[s : s + size]) for s in starts]


@dataclass
class InMemory:
    blocks: list[Block]
    system: OperatorSystem
    without: int | None = None
    columns: list[int] = field(default_factory=list)

    def product(self, P):
        self.columns.append(len(P))
        summed = self.system.task(P, FOLDS, self.without)(self.blocks, threads=2)
        return self.system.centred(summed, P)

    def agree(self, array):
        return array


def operator_of(blocks, without=None):
    d = blocks[0].images.shape[1]
    rows = group_moments(blocks, FOLDS, d, CLASSES, threads=2)
    total = Moments.of(sum(rows), CLASSES)
    offset = (2 * total.pixel_sums + total.n) // (2 * total.n)
    some = total if without is None else Moments.of(sum(rows) - rows[without], CLASSES)
    return InMemory(blocks, OperatorSystem.of(some, offset), without)


def solve(operator, lambdas=GRID, rank=8, most_columns=1000):
    preconditioner = Nystrom.of(operator, len(operator.system.mean), rank)
    solver = OperatorSolver(operator, operator.system, preconditioner, most_columns)
    return solver.solve(lambdas)


def kept(images, labels, without):
    rows = slice(None) if without is None else FOLDS.assign(0, len(images)) != without
    return Statistics.of(images[rows], labels[rows], CLASSES)


@pytest.mark.parametrize("without", [None, 0, 2])
@pytest.mark.parametrize(("n", "d"), [(700, 60), (80, 150)])
def test_weights_are_those_of_the_matrix(n, d, without):
    images, labels = smooth_images(n, d)
    solution = solve(operator_of(blocks_of(images, labels, 97), without))
    assert solution.converged.all()
    direct = factorise(centre(kept(images, labels, without)), "cholesky").solve(GRID)
    for found, expected in zip(solution.weights(), direct.weights(), strict=True):
        for i in range(len(GRID)):
            assert np.linalg.norm(found[i] - expected[i]) <= 1e-6 * np.linalg.norm(expected[i])


@pytest.mark.parametrize("without", [None, 1])
def test_products_are_those_of_the_centred_images_to_rounding(without):
    images, labels = smooth_images(200, 40)
    operator = operator_of(blocks_of(images, labels, 64), without)
    rows = FOLDS.assign(0, 200) != without if without is not None else slice(None)
    X = images[rows].astype(float)
    X -= X.mean(axis=0)
    P = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 5)))[0].T
    found, expected = operator.product(P), P @ X.T @ X
    assert np.abs(found - expected).max() <= 1e-12 * np.linalg.norm(X) ** 2


def test_the_order_of_the_blocks_and_their_threads_leave_the_bits_alone():
    images, labels = smooth_images(600, 50)
    blocks = blocks_of(images, labels, 50)
    ways = [blocks, blocks[::-1], blocks[1::2] + blocks[::2]]
    weights = {solve(operator_of(way)).weights()[0].tobytes() for way in ways}
    assert len(weights) == 1


@pytest.mark.parametrize("value", [1, 255])
def test_sums_in_fixed_point_do_not_overflow(value):
    """The largest products there are: every pixel the same, at one end in half of the images."""
    images = np.zeros((4000, 30), np.uint8)
    images[::2] = value
    labels = np.arange(4000) % CLASSES
    operator = operator_of(blocks_of(images, labels, 500))
    p = np.full((1, 30), 1 / np.sqrt(30))
    assert operator.product(p) == pytest.approx(p * 4000 * 30 * value**2 / 4, rel=1e-12)


def test_moments_are_those_of_the_statistics():
    images, labels = smooth_images(300, 20)
    rows = group_moments(blocks_of(images, labels, 77), FOLDS, 20, CLASSES)
    for group, row in enumerate(rows):
        mine = FOLDS.assign(0, 300) == group
        expected = Statistics.of(images[mine], labels[mine], CLASSES)
        found = Moments.of(row, CLASSES)
        assert (found.counts == expected.counts).all()
        assert (found.sums == expected.sums).all()
        assert (found.squares == np.diagonal(expected.gram)).all()


def test_values_of_lambda_share_what_they_have_found():
    images, labels = smooth_images(700, 60)
    operator = operator_of(blocks_of(images, labels, 97))
    alone = []
    for lam in GRID:
        operator.columns.clear()
        solve(operator, np.array([lam]))
        alone.append(sum(operator.columns))
    operator.columns.clear()
    solve(operator)
    assert sum(operator.columns) < sum(alone) / 2


def test_what_has_no_room_to_converge_says_so():
    images, labels = smooth_images(700, 60)
    solution = solve(operator_of(blocks_of(images, labels, 97)), rank=2, most_columns=6)
    assert not solution.converged.all()
    assert (solution.residual[~solution.converged] > CONVERGED).all()


def test_without_a_penalty_weights_have_the_least_norm():
    images, labels = smooth_images(700, 30)
    images[:, 7] = images[:, 8]
    solution = solve(operator_of(blocks_of(images, labels, 97)), np.array([0.0, 10.0]))
    assert solution.converged.all()
    X, Y = images - images.mean(axis=0), np.where(labels[:, None] == np.arange(CLASSES), 1.0, -1.0)
    expected = np.linalg.lstsq(X, Y - Y.mean(axis=0))[0].T
    assert solution.weights()[0][0] == pytest.approx(expected, rel=1e-5, abs=1e-8)
