"""Spark for the tests: both versions that are promised to work, run as real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ridge_spark.engines.java import find_java
from tests.engines.processes import Submit, spark_home
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
    """A Spark master and one worker on loopback; yields the master's address."""
    home = spark_home("installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"spark://127.0.0.1:{port}"
    deploy = "org.apache.spark.deploy"
    commands = (
        [f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", port, "--webui-port", 0],
        [f"{deploy}.worker.Worker", "--host", "127.0.0.1", "--webui-port", 0, "--cores", 2,
         "--memory", "2g", "--work-dir", tmp_path / "work", address],
    )  # fmt: skip
    environment = {
        **os.environ, **JAVA, "JAVA_HOME": str(find_java()), "SPARK_HOME": str(home),
    }  # fmt: skip
    with open(tmp_path / "cluster.log", "wb") as log:
        processes = [
            subprocess.Popen(
                [home / "bin" / "spark-class", *map(str, command)],
                env=environment, stdout=log, stderr=log, start_new_session=True,
            )
            for command in commands
        ]  # fmt: skip
        try:
            yield address
        finally:
            for process in processes:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(30)
