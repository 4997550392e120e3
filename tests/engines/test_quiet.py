"""Spark's own log is shown only to who asks for it."""

from __future__ import annotations

import re

import pytest

OURS = re.compile(
    r"(\w+):.* in \d+\.\d\d s|\w+: [\d,]+ of [\d,]+ (tasks|images) after \d+ s|(plan|warning): .*"
)
OF_THE_JVM = "WARNING: Using incubator modules"  # said before there is anything to configure


@pytest.mark.parametrize("options", [[], ["--verbose"]])
def test_what_is_on_standard_error(ridge_spark, small_data, options):
    done = ridge_spark("train", "--engine", "inner", "--data", small_data, "--out", "run",
                       *options)  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith(OF_THE_JVM)]
    others = [line for line in lines if not OURS.fullmatch(line)]
    assert bool(others) == bool(options), others
