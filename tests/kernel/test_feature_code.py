"""The feature maps' machine code is kept, and needs no compiler when it is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ridge_spark.ridge.kernel.choose import runnable_kernels
from tests.kernel.worker import ROOT
from tests.support import HANGS

pytestmark = pytest.mark.skipif(
    runnable_kernels() == ["portable"], reason="nothing is compiled for this processor"
)

SCRIPT = """
import sys
from tests.features.drawn import bars, sample_of
from ridge_spark.features import find_map, parse_specs
images, _ = bars(300)
found = find_map(parse_specs("patches:filters=16,units=16,moments=1")[0], (14, 12, 1),
                 sample_of(images), 0)
print(found(images).sum(), "numba" in sys.modules)
"""


def test_the_second_process_does_not_even_import_the_compiler(tmp_path: Path) -> None:
    said = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=HANGS,
        ).stdout.split()
        for _ in range(2)
    ]
    assert said[0] == [said[1][0], "True"]
    assert said[1][1] == "False"
