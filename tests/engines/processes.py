"""Where the Spark versions of the tests are, and what running them returns."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark

from ridge_spark.engines.java import find_java
from tests.support import JAVA, alone_at

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


@contextmanager
def standalone(folder: Path, workers: int) -> Iterator[str]:
    """A Spark master and workers on loopback, each as on a machine of its own: the address.

    A worker has two cores; their files and what they say are in `folder`.
    """
    home = spark_home("installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, deploy = f"spark://127.0.0.1:{port}", "org.apache.spark.deploy"
    commands = [
        [f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", port, "--webui-port", 0]
    ]
    for number in range(1, workers + 1):  # 127.0.0.2 is another machine, as Spark sees it
        commands.append(
            [f"{deploy}.worker.Worker", "--host", f"127.0.0.{number}", "--webui-port", 0, "--cores",
             2, "--memory", "2g", "--work-dir", folder / f"work-{number}", address]
        )  # fmt: skip
    environment = {**os.environ, **JAVA, "JAVA_HOME": str(find_java()), "SPARK_HOME": str(home)}
    with open(folder / "cluster.log", "wb") as log:
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
