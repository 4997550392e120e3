"""What fails in Spark itself is one line with its cause and remedy; the rest is in a named file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ridge_spark.engines.spark_errors import explained
from tests.support import assert_refused

HERE = Path(__file__).parent
OTHER = sys.version_info.minor + 1


def python_that(folder: Path, does: str) -> str:
    """A `python` for the workers that is not as ours is."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    return str(path)


def train(ridge_spark, environment, data: Path, engine: str = "inner", submit: str = "", **more):
    env = {**environment, "PYSPARK_SUBMIT_ARGS": f"{submit} pyspark-shell".strip(), **more}
    return ridge_spark("train", "--engine", engine, "--data", data, "--out", "run", "--lambdas",
                       "1", "--no-report", env=env)  # fmt: skip


def assert_one_line(done: subprocess.CompletedProcess[str], *named: object, kept: int = 4) -> None:
    assert_refused(done, "Spark: ", *named)
    log = re.search(r"all that it said: (\S+)$", done.stderr, re.MULTILINE)
    assert log, done.stderr
    path = Path(log.group(1))
    assert len(path.read_text().splitlines()) >= kept
    path.unlink()
    assert len(done.stderr.splitlines()) < 8
    assert "Traceback" not in done.stderr + done.stdout


def test_workers_without_a_python(ridge_spark, environment, small_data):
    done = train(ridge_spark, environment, small_data, PYSPARK_PYTHON="/nowhere/python")
    assert_one_line(done, "/nowhere/python, is not there", "PYSPARK_PYTHON")


def test_workers_whose_python_lacks_packages(ridge_spark, environment, small_data, tmp_path):
    # -S -I: no site-packages and no PYTHONPATH but what Spark itself adds
    python = python_that(tmp_path, f'exec {sys.executable} -S "$@"')
    done = train(ridge_spark, environment, small_data, PYSPARK_PYTHON=python)
    assert_one_line(done, "has no 'numpy'", "--py-files")


def test_workers_of_another_python(ridge_spark, environment, small_data, tmp_path):
    """They say which they are, before they do anything."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sitecustomize.py").write_text(
        "import sys\n"
        f"class V(tuple):\n    major, minor = 3, {OTHER}\n"
        f"sys.version_info = V((3, {OTHER}, 0, 'final', 0))\n"
    )
    does = f'PYTHONPATH="{tmp_path}/other:$PYTHONPATH" exec {sys.executable} "$@"'
    python = python_that(tmp_path, does)
    done = train(ridge_spark, environment, small_data, PYSPARK_PYTHON=python)
    assert_one_line(done, f"3.{OTHER}", f"3.{sys.version_info.minor}", "same minor version")


def test_more_cores_for_a_task_than_there_are(ridge_spark, environment, small_data):
    submit = "--master local-cluster[1,1,1024] --conf spark.task.cpus=4"
    done = train(ridge_spark, environment, small_data, submit=submit)
    assert_one_line(done, "spark.task.cpus", "lower it")


def test_workers_out_of_memory(ridge_spark, environment, mnist):
    submit = "--master local-cluster[1,1,1024] --conf spark.executor.pyspark.memory=150m"
    submit += " --conf spark.task.maxFailures=1"
    done = train(ridge_spark, environment, mnist, submit=submit)
    assert_one_line(done, "out of memory", "--partitions")


def test_a_jvm_that_can_not_start(ridge_spark, environment, small_data):
    done = train(ridge_spark, environment, small_data, submit="--driver-memory 1")
    assert_one_line(done, "its JVM can't start", "--driver-memory", kept=1)


# As Spark 3.5 and 4 write them; of failures that can't be made on one machine without a cluster.
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "Job aborted due to stage failure: Task 3 in stage 0.0 failed 4 times, most recent "
            "failure: Lost task 3.3 in stage 0.0 (TID 9) (10.0.0.5 executor 2): "
            "ExecutorLostFailure (executor 2 exited caused by one of the running tasks) Reason: "
            "Container killed by YARN for exceeding memory limits. 5.5 GB of 5.5 GB",
            "a task failed 4 times: a worker is out of memory",
        ),
        (
            "Task 0 in stage 1.0 failed 4 times, most recent failure: Lost task 0.3: "
            "ExecutorLostFailure (executor 7 exited caused by one of the running tasks) Reason: "
            "Remote RPC client disassociated.\n\tat org.apache.spark",
            "a task failed 4 times: executor 7 was lost (Remote RPC client disassociated.)",
        ),
        ("java.io.IOException: No space left on device\n\tat java.io", "a disk is full"),
        (
            "org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage "
            "0.0 failed 1 times, most recent failure: org.apache.spark.api.python.PythonException:"
            " Traceback (most recent call last):\n  File \"x.py\", line 1\nValueError: odd\n",
            "Spark: ValueError: odd; all that it said",
        ),
        ("java.lang.IllegalStateException: Cannot call methods on a stopped SparkContext.\n",
         "Spark was shut down"),
        ("ConnectionRefusedError: [Errno 111] Connection refused", "its JVM has ended"),
    ],
)  # fmt: skip
def test_what_is_known_of_what_spark_says(text, told, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    error = explained(text)
    assert told in str(error)
    assert "\n" not in str(error)
    (log,) = tmp_path.glob("ridge-spark-*.log")
    assert log.read_text() == text


def test_an_error_of_ours_in_a_task_is_told_as_it_is():
    assert str(explained("...\nridge_spark.errors.InputError: x: is damaged\n...")) == (
        "x: is damaged"
    )
