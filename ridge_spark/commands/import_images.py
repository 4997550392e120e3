"""`ridge-spark import`: turn images into a data set to train on."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ridge_spark.commands.config_file import add_config_option
from ridge_spark.commands.model_option import describe_like
from ridge_spark.errors import InputError

if TYPE_CHECKING:
    from ridge_spark.data.dataset import Description
    from ridge_spark.importing.options import ImportOptions
    from ridge_spark.importing.report import Report

HELP = "Turn images into a data set to train on."
KINDS = ("mnist", "idx", "folder", "csv", "npz", "parquet")
DEFAULT_TEST_SPLIT = 0.2
OF_FILES = ("folder", "csv", "parquet")
ONLY_FOR = {  # options that would do nothing elsewhere, by the kinds that they are for
    "from": ("mnist", "csv"),
    "labels": ("idx",),
    "image-column": ("csv", "parquet"),
    "label-column": ("csv", "parquet"),
    "no-splits": ("folder",),
    "transposed": ("idx", "npz", "csv"),
    "skip-bad": OF_FILES,
    "background": OF_FILES,
}
PREPARATION = ("size", "fit", "channel", "threshold", "background")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "kind", metavar="KIND", choices=KINDS,
        help="what to read: mnist (fetched), idx (files as MNIST's), folder (a sub-folder for each "
        "class), csv (image files with labels, or labels with pixels), npz (NumPy arrays) or "
        "parquet (a column of encoded images)",
    )  # fmt: skip
    parser.add_argument("source", metavar="SOURCE", nargs="?", help="file or folder; or s3://")
    parser.add_argument("--out", required=True, metavar="DIR", help="data set to write; or s3://")
    parser.add_argument(
        "--engine", choices=("local", "spark"), default="local", help="who decodes image files"
    )
    add_config_option(parser)
    _add_source_options(parser)
    _add_preparation_options(parser)


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is in SOURCE")
    group.add_argument(
        "--from", dest="folder", metavar="DIR",
        help="mnist: a folder that has its four files already, nothing is fetched; "
        "csv: the folder its file names start from, if not its own",
    )  # fmt: skip
    group.add_argument(
        "--labels", metavar="FILE", type=Path, help="idx: the labels, if SOURCE is a file of images"
    )
    group.add_argument(
        "--image-column", metavar="NAME", help="csv, parquet: the column of files or images"
    )
    group.add_argument(
        "--label-column", metavar="NAME",
        help="csv, parquet: the column of labels; of a CSV without names 'first' or 'last'",
    )  # fmt: skip
    group.add_argument(
        "--transposed",
        action="store_true",
        help="idx, npz, csv: rows and columns of each image are exchanged, as EMNIST has them",
    )
    group.add_argument(
        "--test-split", type=float, metavar="FRACTION",
        help="share of the images held out for testing, chosen by a hash of each "
        f"(default: {DEFAULT_TEST_SPLIT} for folder, csv and parquet that have no test images)",
    )  # fmt: skip
    group.add_argument(
        "--validation-split", choices=("train", "test", "leave-out"),
        help="what becomes of validation images: more training images, the test images, or nothing "
        "(default: train, or test where there are no test images)",
    )  # fmt: skip
    group.add_argument(
        "--no-splits", action="store_true",
        help="folder: sub-folders named train, test or the like are classes as any others",
    )  # fmt: skip
    group.add_argument(
        "--skip-bad", action="store_true", help="leave damaged images out; else the first one stops"
    )
    group.add_argument(
        "--workers", type=int, metavar="N", help="processes that decode (default: all cores)"
    )
    group.add_argument(
        "--partitions", type=int, metavar="N", help="Spark: tasks to share the files out to"
    )


def _add_preparation_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what every image becomes")
    group.add_argument("--size", metavar="HxW", help="height x width; default: as they are")
    group.add_argument(
        "--fit", choices=("pad", "crop"),
        help="keep the aspect by repeating edge pixels, or by cutting (default: pad)",
    )  # fmt: skip
    channel = group.add_mutually_exclusive_group()
    channel.add_argument(
        "--gray", dest="channel", action="store_const", const="gray", help="without colours"
    )
    channel.add_argument("--channel", choices=("red", "green", "blue"), help="one colour only")
    group.add_argument(
        "--threshold", type=float, metavar="T", help="black and white: white from T of full light"
    )
    group.add_argument(
        "--background", choices=("white", "black"),
        help="what shows through transparent pixels (default: white)",
    )  # fmt: skip
    group.add_argument(
        "--like", metavar="PATH",
        help="the classes and preparation of this data set, model or run, to add to it or test it",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    _require_fitting(options)
    if options.kind in OF_FILES and options.engine == "local" and options.workers != 1:
        from ridge_spark.importing.workers import get_ready

        get_ready()
    from ridge_spark.commands.import_summary import summary

    report = _import(options, _options(options), _like(options))
    print(summary(options.out, report))


def _require_fitting(options: argparse.Namespace) -> None:
    """What is given and would be passed over in silence is a slip that is better told."""
    given = vars(options) | {"from": options.folder}
    for name, kinds in ONLY_FOR.items():
        if given[name.replace("-", "_")] and options.kind not in kinds:
            raise InputError(f"--{name}: is for {' and '.join(kinds)}, not for {options.kind}")
    if options.kind == "mnist" and options.source:
        raise InputError(f"{options.source}: MNIST's own files are given with --from DIR")
    if options.partitions and options.engine != "spark":
        raise InputError("--partitions: is for --engine spark; here there are --workers")
    if options.workers and options.engine == "spark":
        raise InputError("--workers: is for --engine local; Spark has --partitions")


def _import(options: argparse.Namespace, chosen: ImportOptions, like: Description | None) -> Report:
    from ridge_spark.importing.splits import place_splits

    source = str(options.source) if options.kind != "mnist" else "MNIST"
    found = _read(options, chosen, like)
    validation = chosen.validation_split
    if validation is None and options.test_split and found.keys() == {"train", "validation"}:
        validation = "train"  # other images were asked for to test on
    splits, said = place_splits(found, source, validation, to_add=like is not None)
    chosen = _with_test_split(chosen, options, splits)
    report = _write(options, source, splits, chosen, like)
    report.said += said
    return report


def _write(
    options: argparse.Namespace,
    source: str,
    splits: dict[str, Any],
    chosen: ImportOptions,
    like: Description | None,
) -> Report:
    from ridge_spark.importing.import_files import import_files
    from ridge_spark.importing.labelled import LabelledImages, import_labelled
    from ridge_spark.progress import Progress

    progress = Progress()
    if isinstance(next(iter(splits.values())), LabelledImages):
        if options.engine == "spark":
            raise InputError(
                f"--engine spark: {source} holds arrays, which one machine imports at disk speed; "
                "leave the option out"
            )
        total = sum(len(split.labels) for split in splits.values())
        with progress.stage("import", total) as advance:
            return import_labelled(options.out, source, splits, chosen, advance, like)
    return import_files(
        options.engine, options.out, splits, chosen, like,
        workers=options.workers, partitions=options.partitions, progress=progress,
    )  # fmt: skip


def _read(
    options: argparse.Namespace, chosen: ImportOptions, like: Description | None
) -> dict[str, Any]:
    """The splits of the source, images of which none has been read so far."""
    kind, source, turned = options.kind, options.source, options.transposed
    class_names = like.class_names if like else None
    columns = options.image_column, options.label_column
    if source is None and kind != "mnist":
        raise InputError(f"import {kind}: SOURCE is missing, the file or folder to read")
    found: Mapping[str, Any]
    match kind:  # each loads what it needs itself: some of that takes longer than a small import
        case "mnist":
            from ridge_spark.importing.mnist import read_mnist

            found = read_mnist(options.folder and Path(options.folder))
        case "npz":
            from ridge_spark.importing.npz import read_npz

            found = read_npz(Path(source), transposed=turned)
        case "idx":
            from ridge_spark.importing.idx import read_idx

            found = read_idx(Path(source), options.labels, transposed=turned)
        case "folder":
            from ridge_spark.importing.folder import read_folder

            source = source.rstrip("/") or "/"
            found = read_folder(source, class_names, no_splits=options.no_splits)
        case "parquet":
            from ridge_spark.importing.parquet_images import read_parquet

            found = read_parquet(source, *columns, class_names)
        case "csv":
            from ridge_spark.importing.csv_images import read_csv

            found = read_csv(
                Path(source), options.folder, *columns, chosen.size, like, transposed=turned
            )
    return dict(found)


def _options(options: argparse.Namespace) -> ImportOptions:
    from ridge_spark.importing.options import ImportOptions
    from ridge_spark.importing.preparation import parse_size

    if options.threshold is not None and not 0 < options.threshold < 1:
        raise InputError(f"--threshold {options.threshold}: must be between 0 and 1, such as 0.5")
    if options.test_split is not None and not 0 <= options.test_split < 1:
        raise InputError(f"--test-split {options.test_split}: must be from 0 to below 1")
    for name in ("workers", "partitions"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise InputError(f"--{name} {getattr(options, name)}: must be 1 or more")
    return ImportOptions(
        size=parse_size(options.size) if options.size else None,
        channel=options.channel,
        fit=options.fit or "pad",
        background=options.background or "white",
        threshold=options.threshold,
        skip_bad=options.skip_bad,
        validation_split=options.validation_split,
    )


def _with_test_split(
    chosen: ImportOptions, options: argparse.Namespace, splits: dict[str, Any]
) -> ImportOptions:
    from dataclasses import replace

    share = options.test_split
    if "test" in splits and share:
        raise InputError(f"--test-split {share}: {options.source} has test images of its own")
    if share is None:
        share = DEFAULT_TEST_SPLIT if options.kind in OF_FILES and "test" not in splits else 0.0
    return replace(chosen, test_split=share)


def _like(options: argparse.Namespace) -> Description | None:
    if options.like is None:
        return None
    for name in PREPARATION:
        if getattr(options, name) is not None:
            raise InputError(f"--{name}: is settled by --like {options.like}; leave it out")
    return describe_like(options.like)
