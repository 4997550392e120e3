"""Spark for the tests: both versions that are promised to work, run as real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ridge_spark.engines.java import find_java
from tests.engines.processes import Submit, spark_home, standalone
from tests.support import HANGS, JAVA, SHORT_LIVED


@pytest.fixture(scope="session")
def submit() -> Submit:
    """Run `spark-submit` of a version, away from the checkout, with this Python."""

    def run(
        *arguments: object, version: str = "installed", cwd: Path, timeout: float = HANGS
    ) -> subprocess.CompletedProcess[str]:
        home = spark_home(version)
        environment = {
            **{key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ},
            "JAVA_HOME": str(find_java()),
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": sys.executable,
            **JAVA,
        }
        executors = f"spark.executor.extraJavaOptions={SHORT_LIVED}"
        return subprocess.run(
            [home / "bin" / "spark-submit", "--conf", executors, *map(str, arguments)],
            cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def standalone_cluster(tmp_path: Path) -> Iterator[str]:
    """A Spark master and two workers on loopback; yields the master's address."""
    with standalone(tmp_path, workers=2) as master:
        yield master
