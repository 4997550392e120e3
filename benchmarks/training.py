"""Training on MNIST, from the Parquet data set to the chosen model: ours against scikit-learn.

    python benchmarks/training.py --data data/mnist

Ours reads the data set from disk, chooses λ by a holdout and fits on everything. scikit-learn is
given the float64 array it needs, already in memory, its conversion timed apart. Both use all cores.
Also: what 100 λ cost beside 10, and 5 folds beside a holdout, in the local engine: of training
alone, and of the whole command as a user waits for it, from starting Python to the report. Last,
the classifier for arrays in memory on few images of many pixels, where scikit-learn is at its best:
it works with X X' there, which is small, and ours always with X'X.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import sklearn.linear_model as peer
from measure import interleaved, median_ratio, parse, report

from ridge_spark import RidgeClassifier
from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.engines.local import LocalEngine
from ridge_spark.progress import Progress
from ridge_spark.ridge.folds import Folds
from ridge_spark.runs.options import TrainOptions, make_folds, parse_lambdas
from ridge_spark.runs.training import train

GRID = "logspace:-5:5:10"
FEW, PIXELS = 400, 3072


def ours(data: str, lambdas: str = GRID, folds: int | None = None) -> None:
    """Train with the local engine on all cores, and save the model."""
    options = TrainOptions(data, "", parse_lambdas(lambdas), make_folds(None, folds, 0))
    split, test, progress = (
        open_split(data, "train"),
        open_split(data, "test"),
        Progress(quiet=True),
    )
    training = train(LocalEngine(split, test, available_cores(), progress), options)
    with tempfile.TemporaryDirectory() as folder:
        training.model.save(Path(folder) / "model.safetensors")


def command(data: str, *options: str) -> None:
    """Run `ridge-spark train`."""
    with tempfile.TemporaryDirectory() as folder:
        train = [sys.executable, "-m", "ridge_spark", "train", "--data", data, *options]
        subprocess.run([*train, "--out", f"{folder}/run"], check=True, capture_output=True)


def few_images(repeats: int) -> dict[str, list[float]]:
    """Seconds of a search on fewer images than pixels, both sides from arrays in memory."""
    random = np.random.default_rng(0)
    smooth = random.normal(size=(FEW, 40)) @ random.normal(size=(40, PIXELS))
    X = (128 + 9 * smooth + random.normal(0, 5, smooth.shape)).clip(0, 255).astype(np.uint8)
    y, floats, grid = X[:, :3].argmax(axis=1), X.astype(np.float64), np.array(parse_lambdas(GRID))
    classifier = RidgeClassifier(lambdas=grid, cv=None, n_jobs=available_cores())
    return interleaved(
        {
            "few images, ours": lambda: classifier.fit(X, y),
            "few images, RidgeClassifierCV": lambda: peer.RidgeClassifierCV(alphas=FEW * grid).fit(
                floats, y
            ),
        },
        repeats,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="data/mnist")
    options = parse(parser, repeats=5)

    start = time.perf_counter()
    blocks = list(read_blocks(open_split(options.data, "train").blocks))
    X = np.concatenate([block.images for block in blocks]).astype(np.float64)
    y = np.concatenate([block.labels for block in blocks])
    conversion = time.perf_counter() - start
    alphas = len(X) * np.array(parse_lambdas(GRID))
    held_out = Folds.holdout(0.2).assign(0, len(X)) == 0

    def loop_over_the_grid() -> None:
        fitted = [
            peer.RidgeClassifier(alpha=alpha).fit(X[~held_out], y[~held_out]) for alpha in alphas
        ]
        scores = [model.score(X[held_out], y[held_out]) for model in fitted]
        peer.RidgeClassifier(alpha=alphas[int(np.argmax(scores))]).fit(X, y)

    local = interleaved(
        {
            "10 λ": lambda: ours(options.data),
            "100 λ": lambda: ours(options.data, lambdas="logspace:-5:5:100"),
            "5 folds": lambda: ours(options.data, folds=5),
        },
        options.repeats,
    )
    commands = interleaved(
        {
            "command, 10 λ": lambda: command(options.data),
            "command, 100 λ": lambda: command(options.data, "--lambdas", "logspace:-5:5:100"),
            "command, 5 folds": lambda: command(options.data, "--folds", "5"),
        },
        options.repeats,
    )
    peers = interleaved(
        {
            "ours": lambda: ours(options.data),
            "RidgeClassifier loop": loop_over_the_grid,
            "RidgeClassifierCV": lambda: peer.RidgeClassifierCV(alphas=alphas).fit(X, y),
        },
        max(1, options.repeats // 2),
        warm_up=False,
    )

    few = few_images(options.repeats)

    ratios = {
        "RidgeClassifierCV / ours": median_ratio(peers["ours"], peers["RidgeClassifierCV"]),
        "RidgeClassifier loop / ours": median_ratio(peers["ours"], peers["RidgeClassifier loop"]),
        "100 λ / 10 λ": median_ratio(local["10 λ"], local["100 λ"]),
        "5 folds / holdout": median_ratio(local["10 λ"], local["5 folds"]),
        "command, 100 λ / 10 λ": median_ratio(
            commands["command, 10 λ"], commands["command, 100 λ"]
        ),
        "command, 5 folds / holdout": median_ratio(
            commands["command, 10 λ"], commands["command, 5 folds"]
        ),
        "few images, CV / ours": median_ratio(*few.values()),
    }
    times = {**local, **commands, **peers, **few}
    medians = {name: statistics.median(each) for name, each in times.items()}
    lines = [f"{name:<30}{value:9.3f} s" for name, value in medians.items()]
    lines += [f"{'conversion to float64':<30}{conversion:9.3f} s (not in the ratios)"]
    lines += [f"{name:<30}{value:9.2f} times" for name, value in ratios.items()]
    results = {"seconds": times, "conversion": conversion, "ratios": ratios}
    report("training", results, "\n".join(lines), options.json)


if __name__ == "__main__":
    main()
