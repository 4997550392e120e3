"""`ridge-spark verify`: is a data set or a run what was written, to the last bit?"""

from __future__ import annotations

import argparse

from ridge_spark.printable import printable

HELP = "Check that a data set or a run is, byte for byte, what was written."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="DIR", help="data set or run; local or s3://")
    parser.add_argument(
        "--write", action="store_true",
        help="write the manifest of a data set or run of an earlier version, as it is now",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    from ridge_spark.data.storage import exists
    from ridge_spark.data.verification import verify, write_manifest
    from ridge_spark.runs.manifest import RESULT
    from ridge_spark.runs.verification import verify_run, write_run_manifest

    uri = options.path.rstrip("/") or options.path
    is_run = exists(f"{uri}/{RESULT}")
    if options.write:
        written = write_run_manifest(uri) if is_run else write_manifest(uri)
        print(
            f"{printable(uri)}: manifest of {written:,} {'files' if is_run else 'shards'} written"
        )
    else:
        print(f"{printable(uri)}: as written, {verify_run(uri) if is_run else verify(uri):,} files")
