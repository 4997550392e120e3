"""`ridge-spark import`: turn images into a data set to train on."""

from __future__ import annotations

import argparse
from pathlib import Path

from ridge_spark.errors import InputError

HELP = "Turn images into a data set to train on."
KINDS = ("mnist", "idx", "npz")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "kind", metavar="KIND", choices=KINDS,
        help="what to read: mnist (fetched), idx (files as MNIST's) or npz (NumPy arrays)",
    )  # fmt: skip
    parser.add_argument("source", metavar="SOURCE", nargs="?", type=Path, help="file or folder")
    parser.add_argument("--out", required=True, metavar="DIR", help="data set to write; or s3://")
    parser.add_argument(
        "--from", dest="folder", metavar="DIR", type=Path,
        help="mnist: a folder that has its four files already; nothing is fetched",
    )  # fmt: skip
    parser.add_argument(
        "--labels", metavar="FILE", type=Path, help="idx: the labels, if SOURCE is a file of images"
    )


def run(options: argparse.Namespace) -> None:
    written = _import(options)
    images = ", ".join(f"{number:,} {split}" for split, number in written.items())
    print(f"{options.out}: {images} images")


def _import(options: argparse.Namespace) -> dict[str, int]:
    from ridge_spark.data.idx import find_pairs, read_pair
    from ridge_spark.data.labelled import import_labelled
    from ridge_spark.data.mnist import import_mnist
    from ridge_spark.data.npz import read_npz

    if options.kind == "mnist":
        return import_mnist(options.out, options.folder)
    if options.source is None:
        raise InputError(f"import {options.kind}: SOURCE is missing, the file or folder to read")
    if options.kind == "npz":
        return import_labelled(options.out, str(options.source), read_npz(options.source))
    pairs = (
        {"train": (options.source, options.labels)}
        if options.labels
        else find_pairs(options.source)
    )
    splits = {split: read_pair(*pair) for split, pair in pairs.items()}
    return import_labelled(options.out, str(options.source), splits)
