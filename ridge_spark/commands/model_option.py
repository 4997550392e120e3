"""The `--model` option that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from ridge_spark.errors import InputError
from ridge_spark.ridge.model import Model


def add_model_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, metavar="PATH", help="model file or run")


def load_model(path: str) -> Model:
    """The model in a file or a run directory; `InputError` if there is none."""
    found = Path(path)
    if found.is_dir():
        found = found / "model.safetensors"
    if not found.is_file():
        raise InputError(f"--model {path}: no model there; give a model.safetensors or a run")
    return Model.load(found)
