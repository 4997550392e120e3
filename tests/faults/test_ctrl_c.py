"""Ctrl-C under Spark: a terminal sends it to every process; one line, status 130, nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from time import sleep

import pytest

from tests.engines.processes import ROOT, spark_home
from tests.faults.promise import kill_all


def started(command, folder, environment):
    """The process, in a session of its own, and the file that has its standard error."""
    (folder / "temporary").mkdir()
    with open(folder / "errors", "w") as errors:
        process = subprocess.Popen(
            [*map(str, command)], cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True,
            env={**environment, "TMPDIR": str(folder / "temporary"),
                 "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
            start_new_session=True,
        )  # fmt: skip
    return process, folder / "errors"


def left_of(process):
    """Processes of the session that are still there."""
    listed = subprocess.run(
        ["ps", "-o", "stat=,args=", "-s", str(process.pid)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [line for line in listed.stdout.splitlines() if not line.startswith("Z")]


@pytest.mark.parametrize(("engine", "stage"), [("outer", "broadcast"), ("inner", "statistics")])
def test_of_a_command(engine, stage, environment, mnist, tmp_path):
    command = [sys.executable, "-m", "ridge_spark", "train", "--engine", engine, "--data", mnist,
               "--out", "run", "--lambdas", "logspace:-5:5:300"]  # fmt: skip
    process, errors = started(command, tmp_path, environment)
    try:
        while f"{stage}: " not in errors.read_text() and process.poll() is None:
            sleep(0.02)
        sleep(0.3)  # into the next stage; what is asserted holds at any time
        kill_all(process, signal.SIGINT)
        out, _ = process.communicate(timeout=120)
    finally:
        kill_all(process)
    told = errors.read_text()
    assert process.returncode == 130, told
    assert told.splitlines()[-1] == "ridge-spark: error: interrupted; nothing was written"
    assert told.count("error") == 1, told
    assert "Traceback" not in told
    assert out == ""
    assert not (tmp_path / "run").exists()
    assert not list((tmp_path / "temporary").glob("ridge-spark-*"))


def test_of_a_job(environment, mnist, tmp_path):
    """`spark-submit` ends itself, with that status; the driver tells of it, and leaves nothing."""
    home = spark_home("installed")
    from ridge_spark.engines.java import find_java

    environment = {**environment, "SPARK_HOME": str(home), "JAVA_HOME": str(find_java())}
    quiet = f"-Dlog4j2.configurationFile={ROOT}/ridge_spark/engines/log4j2.properties"
    command = [home / "bin" / "spark-submit", "--master", "local[2]", "--driver-java-options",
               quiet, ROOT / "jobs" / "outer.py", "--data", mnist, "--out", "run",
               "--lambdas", "logspace:-5:5:300"]  # fmt: skip
    process, errors = started(command, tmp_path, environment)
    try:
        while "broadcast: " not in errors.read_text() and process.poll() is None:
            sleep(0.02)
        sleep(0.3)
        kill_all(process, signal.SIGINT)
        process.communicate(timeout=120)
        for _ in range(2400):  # the driver cleans up when spark-submit has ended
            if "interrupted" in errors.read_text() and not left_of(process):
                break
            sleep(0.05)
    finally:
        kill_all(process)
    told = errors.read_text()
    assert process.returncode == 130, told
    assert told.count("ridge-spark: error: interrupted; nothing was written\n") == 1, told
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()
    assert not list((tmp_path / "temporary").glob("ridge-spark-*"))


def test_the_processes_of_a_session_can_be_listed():
    """Or the test above would wait for nothing."""
    process = subprocess.Popen(["sleep", "30"], start_new_session=True)
    try:
        assert any("sleep" in line for line in left_of(process)), os.environ.get("PATH")
    finally:
        process.kill()
        process.wait()
