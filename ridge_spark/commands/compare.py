"""`ridge-spark compare`: two models on the same test images, by McNemar's test."""

from __future__ import annotations

import argparse
import json

from ridge_spark.commands.model_option import load_model
from ridge_spark.errors import InputError
from ridge_spark.printable import printable, without_secrets

HELP = "Compare two models on the same labelled images, by McNemar's test."
SURELY = 0.05


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs=2, metavar="MODEL", help="model file or run; or s3://")
    parser.add_argument(
        "--data", metavar="DIR",
        help="data set, of which the test images are used, or one split of it (default: that of "
        "the first run)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON, not text")


def run(options: argparse.Namespace) -> None:
    from ridge_spark.cores import available_cores
    from ridge_spark.data.dataset import read_split, require_splits
    from ridge_spark.data.same_images import require_same_images
    from ridge_spark.runs.compared import compare

    first, second = (load_model(path) for path in options.models)
    data = options.data or _data_of(options.models[0])
    split = require_splits(data, f"--data {data}")[-1]
    for path, model in zip(options.models, (first, second), strict=True):
        require_same_images(f"--data {data}", split.description, model)
        if split.description.class_names != model.class_names:
            raise InputError(
                f"--data {data}: its classes are not those of {path}; import the images again with "
                f"--like {path}"
            )
    found = compare(first, second, read_split(split), threads=available_cores())
    if options.json:
        models = [without_secrets(model) for model in options.models]
        about = {**found.to_dict(), "models": models, "data": without_secrets(split.uri)}
        print(json.dumps(about))
        return
    print(f"{printable(split.uri)}: {found.n:,} images")
    width = max(map(len, options.models))
    for path, alone in zip(options.models, (found.first, found.second), strict=True):
        right = (found.both + alone) / found.n
        print(f"{printable(path):<{width}}  {right:.4f}, alone right about {alone:,}")
    low, high = (100 * bound for bound in found.interval)
    verdict = "may be chance" if found.p_value > SURELY else "is hardly chance"
    print(
        f"difference {100 * found.difference:+.2f} percentage points, 95% confidence interval "
        f"{low:+.2f} to {high:+.2f}; it {verdict} (McNemar's test: p = {found.p_value:.2g})"
    )


def _data_of(path: str) -> str:
    """The data set of a run; `InputError` for a file."""
    from ridge_spark.runs.directory import read_run

    if path.endswith(".safetensors"):
        raise InputError("--data: is needed where the first model is a file, not a run")
    return read_run(path).result.dataset
