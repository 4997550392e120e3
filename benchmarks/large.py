"""Large systems: seconds, memory and residuals of a grid of λ beside scikit-learn's.

    python benchmarks/large.py --unknowns 6400 12800

A Gram matrix as that of N = 60,000 images with a spectrum that falls off as theirs does; then few
images of many pixels, from the array of bytes to the chosen λ, with a holdout and with 5 folds.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import sklearn.linear_model as peer
from measure import interleaved, median_ratio, parse, report

from ridge_spark import RidgeClassifier
from ridge_spark.cores import available_cores
from ridge_spark.ridge.centring import CentredSystem
from ridge_spark.ridge.solvers import solve

IMAGES, CLASSES = 60_000, 10
FEW = {"300 of 150,528": (300, 150_528), "400 of 3,072": (400, 3_072)}
GRID = np.logspace(-5, 5, 10)


def system(d: int) -> CentredSystem:
    """Of d smooth features and noise, its mean diagonal N."""
    random = np.random.default_rng(0)
    X = random.normal(size=(d, d), scale=0.5).astype(np.float32)
    smooth = random.normal(size=(d, 600)).astype(np.float32)
    X += smooth @ random.normal(size=(600, d)).astype(np.float32) / 25
    X *= (np.arange(1, d + 1, dtype=np.float32) ** -0.5)[:, None]
    single = X.T @ X
    del X
    gram = single.astype(np.float64)
    gram *= IMAGES / np.diagonal(gram).mean()
    cross = gram[:, :CLASSES] / np.sqrt(d)
    cross += random.normal(size=cross.shape, scale=np.sqrt(IMAGES))
    return CentredSystem(
        n=IMAGES,
        gram=gram,
        cross=cross - cross.mean(axis=1, keepdims=True),
        target_ss=np.full(CLASSES, 0.36 * IMAGES),
        active=np.arange(d),
        mean=np.zeros(d),
        target_mean=np.zeros(CLASSES),
    )


def peak_copies(d: int) -> float:
    """Most memory that this process has held, in float64 matrices (d, d)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / (8 * d * d)


def large(d: int) -> dict[str, float]:
    """Seconds of a holdout's solutions for a grid and of the best λ on all images."""
    problem, found = system(d), {}
    for name, lambdas in (("10 λ", np.logspace(-4, -1, 10)), ("100 λ", np.logspace(-4, -1, 100))):
        start = time.perf_counter()
        solution = solve(problem, lambdas, "krylov", threads=available_cores())
        solve(problem, lambdas[4:5], "krylov", threads=available_cores())
        found[name] = time.perf_counter() - start
        assert solution.residual is not None
        found[f"{name}, worst residual"] = float(solution.residual.max())
    return {**found, "peak, copies of the matrix": peak_copies(d)}


def few(n: int, d: int, repeats: int) -> dict[str, list[float]]:
    random = np.random.default_rng(0)
    smooth = random.normal(size=(n, 40)) @ random.normal(size=(40, d))
    X = (128 + 9 * smooth + random.normal(0, 5, smooth.shape)).clip(0, 255).astype(np.uint8)
    y, floats = X[:, :3].argmax(axis=1), X.astype(np.float64)
    jobs = available_cores()
    return interleaved(
        {
            "ours": lambda: RidgeClassifier(GRID, n_jobs=jobs).fit(X, y),
            "ours, holdout": lambda: RidgeClassifier(GRID, cv=0.2, n_jobs=jobs).fit(X, y),
            "ours, 5 folds": lambda: RidgeClassifier(GRID, cv=5, n_jobs=jobs).fit(X, y),
            "RidgeClassifierCV": lambda: peer.RidgeClassifierCV(alphas=n * GRID).fit(floats, y),
        },
        repeats,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--unknowns", type=int, nargs="*", default=[6400, 12_800])
    options = parse(parser, repeats=3)
    times = {name: few(*shape, options.repeats) for name, shape in FEW.items()}
    lines = [
        f"{name}, {kind:<20}{np.median(each):9.3f} s"
        for name, kinds in times.items()
        for kind, each in kinds.items()
    ]
    ratios = {name: median_ratio(t["ours"], t["RidgeClassifierCV"]) for name, t in times.items()}
    lines += [
        f"{name}, RidgeClassifierCV / ours{ratio:9.2f} times" for name, ratio in ratios.items()
    ]
    sizes = {d: large(d) for d in sorted(options.unknowns)}
    lines += [
        f"{d:,}: {name:<28}{v:12.3g}" for d, each in sizes.items() for name, v in each.items()
    ]
    results = {"few": times, "ratios": ratios, "large": sizes}
    report("large", results, "\n".join(lines), options.json)


if __name__ == "__main__":
    main()
