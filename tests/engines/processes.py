"""Where the Spark versions of the tests are, and what running them returns."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyspark

from tests.support import alone_at

ROOT = Path(__file__).resolve().parents[2]
OLDEST = "3.5.6"  # what EMR's 7.x releases have
SPARKS = (OLDEST, "installed")

Submit = Callable[..., subprocess.CompletedProcess[str]]


def spark_home(version: str) -> Path:
    """The home of a Spark of that version; the oldest one is installed beside the others once."""
    if version == "installed":
        return Path(pyspark.__file__).parent
    folder = ROOT / ".cache" / f"pyspark-{version}"
    with alone_at(folder):
        if not folder.exists():
            partial = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", partial]
            subprocess.run([*command, f"pyspark=={version}"], check=True)
            partial.rename(folder)
    return folder / "pyspark"
