"""Tasks, a mapping of blocks and runs on the dual side, which engines must agree on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ridge_spark.engines.engine import Engine
from ridge_spark.engines.view import Blocks, View
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.held_out import Scored
from ridge_spark.ridge.scoring import Weights
from ridge_spark.runs.json_form import to_json
from ridge_spark.runs.options import TrainOptions, make_folds, parse_lambdas
from ridge_spark.runs.training import train


def halved(blocks: Blocks, *, threads: int) -> Iterator[Block]:
    """Every third pixel, halved; two classes, the even and the odd ones."""
    for block in blocks:
        images = np.ascontiguousarray(block.images[:, ::3] // 2)
        yield Block(block.first_row, images, block.labels % 2)


def rows_and_labels(blocks: Blocks, *, threads: int) -> list[np.ndarray]:
    """How many images there are, and how many of each class, up to ten."""
    found = [np.zeros(1, np.int64), np.zeros(10, np.int64)]
    for block in blocks:
        found[0] += len(block.labels)
        found[1] += np.bincount(block.labels, minlength=10)
    return found


def candidates(d: int) -> dict[int, Weights]:
    """For three groups: weights of two λ, two classes and d numbers of an image."""
    random = np.random.default_rng(0)
    return {
        group: Weights(random.normal(size=(2, 2, d)), random.normal(size=(2, 2)))
        for group in range(3)
    }


def dual_findings(engine: Engine) -> list[Any]:
    """What a run on the dual side finds, with 3 folds; and XX' of a view."""
    options = TrainOptions("", "", parse_lambdas("1e-3,1e4"), make_folds(None, 3, 0))
    training = train(engine, options)
    assert training.side == "dual"
    engine.view = View(-(-engine.view.d // 3), 2, halved)
    return [
        training.statistics.sha256(),
        training.model.sha256(),
        training.gcv.tolist(),
        training.validation_accuracy.tolist(),
        training.statistics.sums.sum().item(),
        training.model.temperature,
        to_json(training.held_out),
        engine.products().sha256(),
    ]


def square(x: int) -> int:
    return x * x


def listed(scored: Scored) -> list[Any]:
    """All that pass two has found, as JSON can hold it."""
    arrays = [scored.n, scored.correct, *vars(scored.outcomes).values()]
    return [array.tolist() for array in (*arrays, *vars(scored.images).values())]
