"""A fresh process that adds up a block, as a worker of a cluster would, and says how it went."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support import HANGS

ROOT = Path(__file__).parents[2]

SCRIPT = """
import json, sys
import numpy as np
import ridge_spark
from ridge_spark.ridge.kernel import accumulator

images = np.random.default_rng(1).integers(0, 256, (37, 50), dtype=np.uint8)
sums = accumulator(50, 1)
sums.add(images, np.zeros(37, np.int64))
wide = images.astype(np.int64)
print(json.dumps({
    "right": bool((sums.finish()[0][2] == wide.T @ wide).all()),
    "compiled": "numba" in sys.modules,
    "code": ridge_spark.__file__,
}))
"""


@dataclass(frozen=True)
class Answer:
    right: bool
    compiled: bool
    code: str
    errors: str


def start_worker(
    cwd: Path, *, path: list[Path] | None = None, **environment: object
) -> subprocess.Popen[str]:
    """Start a worker that finds the code on `path` (this checkout if nothing is given) and no HOME
    or other variable but those given."""
    search = os.pathsep.join(map(str, [*(path or []), ROOT]))
    variables = {name: str(value) for name, value in environment.items()}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=cwd,
        env={"PYTHONPATH": search, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer_of(worker: subprocess.Popen[str]) -> Answer:
    output, errors = worker.communicate(timeout=HANGS)
    if worker.returncode:
        raise subprocess.CalledProcessError(worker.returncode, worker.args, output, errors)
    return Answer(**json.loads(output), errors=errors)


def run_worker(cwd: Path, *, path: list[Path] | None = None, **environment: object) -> Answer:
    return answer_of(start_worker(cwd, path=path, **environment))
