"""Seconds to accuracy: ours by features against what people would reach for, on the same cores.

    python benchmarks/accuracy.py --data data/mnist [--only NAME ...] [--limit N] [--seeds 5]

Ours is the command, from its start to the written run, with λ chosen on held-out images. The others
start from arrays in memory, with parameters that are usual for digits and none to choose; none is
tuned on the test images. Each is trained once, for some take minutes; ours with each of --seeds.
A small convolutional network joins in where PyTorch is installed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from drawing import COLUMN, save, style
from matplotlib.figure import Figure
from measure import machine, parse_quick, report, say
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from ridge_spark.cores import available_cores
from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.ridge.threads import blas_threads

OURS = ("pixels", "patches", "wide")
PASSES = 8  # of the network over the images

Arrays = tuple[NDArray[np.float32], NDArray[np.int64]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="data/mnist")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of the table, instead of all")
    parser.add_argument("--limit", type=int, help="the first N training images")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--figure", type=Path, help="where to draw them, without suffix")
    options = parse_quick(parser)
    found: dict[str, list[dict[str, float]]] = {}
    for spec in OURS:
        if not options.only or spec in options.only:
            say(spec)
            found[spec] = [ours(options, spec, seed) for seed in range(options.seeds)]
    train, test = (arrays(options.data, split, options.limit) for split in ("train", "test"))
    for name, run in peers(train[0].shape[1]).items():
        if not options.only or name in options.only:
            say(name)
            with blas_threads(available_cores()):
                found[name] = [run(train, test)]
    results = {"data": options.data, "n_train": len(train[1]), "found": found}
    report("accuracy", results, table(found), options.json)
    if options.figure:
        draw(found, options.figure)


def ours(options: argparse.Namespace, spec: str, seed: int) -> dict[str, float]:
    """The whole command."""
    limit = ["--limit", str(options.limit)] if options.limit else []
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "ridge_spark", "train", "--data", options.data, *limit,
             "--features", spec, "--seed", str(seed), "--out", f"{folder}/run"],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        result = json.loads((Path(folder) / "run" / "result.json").read_text())
    return {"seconds": seconds, "accuracy": result["test_accuracy"]}


def arrays(data: str, split: str, limit: int | None) -> Arrays:
    """Pixels from 0 to 1, and classes."""
    blocks = list(read_blocks(open_split(data, split).limited(limit).blocks))
    images = np.concatenate([block.images for block in blocks]).astype(np.float32)
    images /= 255
    return images, np.concatenate([block.labels for block in blocks]).astype(np.int64)


def peers(d: int) -> dict[str, Callable[[Arrays, Arrays], dict[str, float]]]:
    """The others by name."""
    found: dict[str, Callable[[Arrays, Arrays], dict[str, float]]] = {
        "Fourier features": fitted(
            make_pipeline(
                RBFSampler(gamma=0.02, n_components=4096, random_state=0), RidgeClassifier(1.0)
            )
        ),
        "nearest neighbours": fitted(KNeighborsClassifier(3, n_jobs=-1)),
        "MLP": fitted(MLPClassifier((512,), early_stopping=True, random_state=0)),
        "gradient boosting": fitted(HistGradientBoostingClassifier(random_state=0)),
        "SVC with RBF": fitted(SVC(C=5.0, gamma=0.025, cache_size=1000)),
    }
    try:
        import torch  # noqa: F401
    except ImportError:
        print("no PyTorch here: without its network", file=sys.stderr)
        return found
    if d == 28 * 28:
        found["small network"] = network
    return found


def fitted(model: Any) -> Callable[[Arrays, Arrays], dict[str, float]]:
    def run(train: Arrays, test: Arrays) -> dict[str, float]:
        start = time.perf_counter()
        right = model.fit(*train).predict(test[0]) == test[1]
        return {"seconds": time.perf_counter() - start, "accuracy": float(right.mean())}

    return run


def network(train: Arrays, test: Arrays) -> dict[str, float]:
    """Two convolutions and two full layers, Adam, 8 passes."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(available_cores())
    start = time.perf_counter()
    (X, y), (unseen, truth) = (
        (torch.from_numpy(images).reshape(-1, 1, 28, 28), torch.from_numpy(labels))
        for images, labels in (train, test)
    )
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(0.25), nn.Flatten(), nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(128, 10),
    )  # fmt: skip
    optimiser, loss = torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss()
    for _ in range(PASSES):
        for some in torch.randperm(len(X)).split(128):
            optimiser.zero_grad()
            loss(model(X[some]), y[some]).backward()
            optimiser.step()
    model.eval()
    with torch.no_grad():
        answers = torch.cat([model(part).argmax(1) for part in unseen.split(1000)])
    right = (answers == truth).float().mean().item()
    return {"seconds": time.perf_counter() - start, "accuracy": right}


def table(found: dict[str, list[dict[str, float]]]) -> str:
    lines = [f"{'':<20}{'seconds':>9}{'test accuracy':>15}{'spread over seeds':>19}"]
    for name, runs in found.items():
        accuracy = [run["accuracy"] for run in runs]
        spread = f"{statistics.stdev(accuracy):.2%}" if len(runs) > 1 else "-"
        seconds = statistics.median(run["seconds"] for run in runs)
        mean = statistics.mean(accuracy)
        lines.append(f"{name:<20}{seconds:>9.1f}{mean:>15.2%}{spread:>19}")
    return "\n".join(lines)


def draw(found: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Seconds against mistakes, the lower left corner the better."""
    with style():
        figure = Figure(figsize=(COLUMN, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for name, runs in found.items():
            seconds = statistics.median(run["seconds"] for run in runs)
            wrong = 100 * (1 - statistics.mean(run["accuracy"] for run in runs))
            axes.plot(seconds, wrong, "o" if name in OURS else "s")
            label = f"--features {name}" if name in OURS else name
            axes.annotate(label, (seconds, wrong), xytext=(5, 3), textcoords="offset points")
        axes.set(xscale="log", yscale="log", xlabel="seconds", ylabel="wrong test images, %")
    save(figure, path, machine())


if __name__ == "__main__":
    main()
