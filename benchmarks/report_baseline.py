"""The course report's serial program, written afresh, and how much sooner ours is done.

    python benchmarks/report_baseline.py --data data/mnist

The serial program does what the report describes, in NumPy on one thread: pixels as doubles, X'X,
then a loop over λ with an inverse of X'X + NλI in each turn, and in it a loop over the classes. It
is given every advantage that keeps its form: X'X is computed once, not in each turn, and by BLAS.
Both programs read the same data set from disk, hold out the same images and choose the same λ.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from measure import interleaved, median_ratio, parse, report, sizes_within
from numpy.typing import NDArray

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.engines.local import LocalEngine
from ridge_spark.progress import Progress
from ridge_spark.ridge.threads import blas_threads
from ridge_spark.runs.options import TrainOptions, make_folds, parse_lambdas
from ridge_spark.runs.training import Training, train

SIZES = (1_000, 11_000, 21_000, 60_000)
GRID = parse_lambdas("logspace:-5:5:10")
FOLDS = make_folds(None, None, 0)

Float = NDArray[np.float64]


@dataclass
class Serial:
    """What the serial program found, and the seconds of each of its parts."""

    best_lambda: float = 0.0
    accuracy: list[float] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def serial(data: str, images: int) -> Serial:
    """Run the serial program on the first `images` training images."""
    found = Serial()
    with blas_threads(1):
        start = time.perf_counter()
        X, y, classes = _read(data, images)
        out = FOLDS.assign(0, images) == 0
        start = _note(found, "read and convert", start)
        X_in, y_in = X[~out], y[~out]
        gram, mean, cross, target_mean = _products(X_in, y_in, classes)
        start = _note(found, "X'X", start)
        for lam in GRID:
            inverse = np.linalg.inv(gram + len(X_in) * lam * np.eye(len(gram)))
            start = _note(found, "inverses", start)
            scores = np.empty((int(out.sum()), len(cross)))
            for k, column in enumerate(cross):
                w = inverse @ column
                scores[:, k] = (X[out] - mean) @ w + target_mean[k]
            found.accuracy.append(float((scores.argmax(axis=1) == y[out]).mean()))
            start = _note(found, "loop over classes", start)
        found.best_lambda = _best(found.accuracy)
        gram, mean, cross, target_mean = _products(X, y, classes)
        start = _note(found, "X'X", start)
        inverse = np.linalg.inv(gram + images * found.best_lambda * np.eye(len(gram)))
        for column in cross:
            inverse @ column
        _note(found, "inverses", start)
    return found


def ours(data: str, images: int, threads: int) -> Training:
    """The same search by the local engine."""
    options = TrainOptions(data, "", GRID, FOLDS)
    split, progress = open_split(data, "train").limited(images), Progress(quiet=True)
    return train(LocalEngine(split, None, threads, progress), options)


def _read(data: str, images: int) -> tuple[Float, NDArray[np.int32], int]:
    split = open_split(data, "train").limited(images)
    blocks = list(read_blocks(split.blocks))
    X = np.concatenate([block.images for block in blocks]).astype(np.float64)
    y = np.concatenate([block.labels for block in blocks])
    return X, y, len(split.description.class_names)


def _products(
    X: Float, y: NDArray[np.int32], classes: int
) -> tuple[Float, Float, list[Float], Float]:
    """X'X and, class by class, X'y, of centred pixels and targets, and the means of both."""
    mean = X.mean(axis=0)
    Xc = X - mean
    targets = [np.where(y == k, 1.0, -1.0) for k in range(classes)]
    target_mean = np.array([target.mean() for target in targets])
    cross = [Xc.T @ (target - target.mean()) for target in targets]
    return Xc.T @ Xc, mean, cross, target_mean


def _best(accuracy: Sequence[float]) -> float:
    return max(zip(accuracy, GRID, strict=True))[1]


def _note(found: Serial, part: str, start: float) -> float:
    now = time.perf_counter()
    found.seconds[part] = found.seconds.get(part, 0.0) + now - start
    return now


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="data/mnist")
    options = parse(parser, repeats=3)

    cores = available_cores()
    results = []
    lines = [f"{'images':>8}{'serial program':>16}{'ours, 1 thread':>16}{f'{cores} threads':>12}"
             f"{'times':>8}{'times':>8}"]  # fmt: skip
    for images in sizes_within(SIZES, options.data):
        same = serial(options.data, images).best_lambda == ours(options.data, images, 1).model.lam
        times = interleaved(
            {
                "serial program": partial(serial, options.data, images),
                "ours, 1 thread": partial(ours, options.data, images, 1),
                "ours, all cores": partial(ours, options.data, images, cores),
            },
            options.repeats,
        )
        ratios = {
            name: median_ratio(times[name], times["serial program"])
            for name in ("ours, 1 thread", "ours, all cores")
        }
        results.append({"images": images, "same_lambda": same, "seconds": times, "ratios": ratios})
        a, b, c = (statistics.median(each) for each in times.values())
        one, all_cores = ratios.values()
        lines.append(
            f"{images:>8,}{a:>14.2f} s{b:>14.2f} s{c:>10.2f} s{one:>8.1f}{all_cores:>8.1f}"
        )
    report("report_baseline", {"results": results}, "\n".join(lines), options.json)


if __name__ == "__main__":
    main()
