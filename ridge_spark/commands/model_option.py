"""The options by which several commands are given a model, or something that is like one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ridge_spark.errors import InputError

if TYPE_CHECKING:
    from ridge_spark.data.dataset import Description
    from ridge_spark.model import Model


def add_model_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", required=True, metavar="PATH", help="model file or run; or s3://"
    )


def load_model(path: str) -> Model:
    """The model in a file or a run directory, here or remote; `InputError` if there is none."""
    from ridge_spark.data.storage import exists
    from ridge_spark.model import Model
    from ridge_spark.runs.directory import open_file, read_run

    missing = f"--model {path}: no model there; give a model.safetensors or a run"
    if not exists(path):
        raise InputError(missing)
    if not path.endswith(".safetensors"):
        return read_run(path).model
    with open_file(path, missing) as file:
        return Model.load(file)


def describe_like(path: str) -> Description:
    """The classes, shape and preparation of a data set, a model file or a run."""
    from ridge_spark.data.dataset import Description, find_splits
    from ridge_spark.data.storage import exists

    if path.endswith(".safetensors") or exists(f"{path.rstrip('/')}/model.safetensors"):
        model = load_model(path)
        return Description(model.shape, model.class_names, path, model.preparation)
    if splits := find_splits(path):
        return splits[0].description
    raise InputError(f"--like {path}: neither a data set, nor a model file, nor a run")
