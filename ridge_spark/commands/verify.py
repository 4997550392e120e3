"""`ridge-spark verify`: is a data set what was written, to the last bit?"""

from __future__ import annotations

import argparse

HELP = "Check that a data set is, byte for byte, what was written."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="DIR", help="data set; local or s3://")
    parser.add_argument(
        "--write", action="store_true",
        help="write the manifest of a data set of an earlier version, as its images are now",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    from ridge_spark.data.verification import verify, write_manifest

    uri = options.path.rstrip("/") or options.path
    if options.write:
        print(f"{uri}: manifest of {write_manifest(uri):,} shards written")
    else:
        print(f"{uri}: as written, {verify(uri):,} files")
