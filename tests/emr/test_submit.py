"""Jobs on a cluster, from the command line to the result, run by a real Spark."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

import emr.submit
from emr.follow import EXIT_INTERRUPTED
from emr.stack import Stack
from tests.emr import moto_emr
from tests.emr.step_runner import StepRunner
from tests.emr.tools import REGION, Cli, train_here
from tests.engines.processes import OLDEST

FAST = ("--poll", "1", "--log-wait", "20")


@pytest.mark.parametrize(
    ("runner", "job"),
    [(OLDEST, "outer"), (OLDEST, "inner"), ("installed", "outer")],
    indirect=["runner"],
)
def test_a_job_counts_the_same_as_this_machine(
    cli: Cli, runner: StepRunner, images: Path, job: str, tmp_path: Path
) -> None:
    options = ("--folds", "3", "--lambdas", "0,1")
    done = cli("submit", job, "--data", str(images), *FAST, "--", *options)
    (folder,) = (tmp_path / "runs").iterdir()
    result = json.loads((folder / "result.json").read_text())
    here = train_here(images, tmp_path / "here", *options)
    for key in ("statistics_sha256", "validation_accuracy", "confusion", "n_train", "n_test"):
        assert result[key] == here[key], key
    assert result["engine"] == job
    assert (folder / "model.safetensors").is_file()
    assert f"{result['test_accuracy']:.4f}" in done.stdout
    assert "COMPLETED" in done.stderr
    assert "about $" in done.stderr


def test_cluster_mode_and_the_logs_of_its_driver(
    cli: Cli, runner: StepRunner, images: Path
) -> None:
    cli("submit", "inner", "--data", str(images), "--deploy-mode", "cluster", *FAST)
    assert "cluster" in runner.ran[0]
    assert "statistics: " in cli("logs", "--log-wait", "20").stdout
    assert re.search(r"s-\w+  COMPLETED +\d+ s  inner-", cli("status").stdout)


def test_what_only_the_data_show_fails_with_the_job_s_own_line(
    cli: Cli, runner: StepRunner, images: Path, tmp_path: Path
) -> None:
    runner.logs.clear()  # AWS delivers logs after it tells the state
    command = [sys.executable, "-m", "emr", "submit", "outer", "--data", str(images), *FAST]
    submitted = subprocess.Popen(
        [*command, "--", "--limit", "1"],
        env=cli.environment(),
        cwd=cli.cwd,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert submitted.stderr
    shown = ""
    for line in submitted.stderr:
        shown += line
        if "Waiting for its log" in line:
            runner.logs.set()
    assert submitted.wait() == emr.submit.EXIT_FAILED
    assert runner.logs.is_set()
    assert "is empty among the 1 training images used" in shown
    assert "FAILED" in shown
    assert "\tat " not in shown
    assert not (tmp_path / "runs").exists()
    assert "is empty among" in cli("logs").stdout


def test_a_crash_shows_the_worker_s_and_the_driver_s_traceback_and_no_java(
    stack: Stack,
    runner: StepRunner,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = tmp_path / "crash.py"
    script.write_text(
        "from pyspark import SparkContext\n"
        "def halve(x):\n"
        "    return x // 0\n"
        "SparkContext().parallelize([1]).map(halve).collect()\n"
    )
    monkeypatch.setitem(emr.submit.JOBS, "outer", script)
    run_id = emr.submit.submit(stack, "outer", str(images), [])
    assert emr.submit.finish(stack, run_id, 0.2, 20) == emr.submit.EXIT_FAILED
    shown = capsys.readouterr().err
    assert "in halve" in shown
    assert "ZeroDivisionError: integer division or modulo by zero" in shown
    assert 'crash.py", line 4, in <module>' in shown
    assert "\tat " not in shown
    assert "org.apache.spark.executor.Executor" not in shown
    assert len(shown.splitlines()) < 80


def test_a_cancelled_job_stops_its_processes_and_exits_with_3(
    cli: Cli, runner: StepRunner, images: Path
) -> None:
    command = [sys.executable, "-m", "emr", "submit", "inner", "--data", str(images), *FAST]
    waiting = subprocess.Popen(
        command, env=cli.environment(), cwd=cli.cwd, stderr=subprocess.PIPE, text=True
    )
    assert waiting.stderr
    heard = ""
    for line in waiting.stderr:
        heard += line
        if re.search(r"s-\w+ RUNNING", line):
            break
    run_id = re.search(r"(s-\w+) submitted", heard)
    assert run_id, heard
    cli("cancel", run_id[1])
    assert waiting.wait(60) == emr.submit.EXIT_CANCELLED
    assert "was cancelled" in waiting.stderr.read()
    assert "can't be cancelled" in cli("cancel", run_id[1], expect=2).stderr


@pytest.mark.parametrize(("answer", "state"), [("y", "CANCELLED"), ("n", "PENDING")])
def test_ctrl_c_asks_whether_to_cancel(
    cli: Cli, stack: Stack, images: Path, answer: str, state: str
) -> None:
    ours, theirs = pty.openpty()
    waiting = subprocess.Popen(
        [sys.executable, "-m", "emr", "submit", "outer", "--data", str(images), *FAST],
        env=cli.environment(),
        cwd=cli.cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    _read_until(ours, "PENDING")
    waiting.send_signal(signal.SIGINT)
    _read_until(ours, "[y/N]")
    os.write(ours, f"{answer}\n".encode())
    heard = _read_until(ours, "is being cancelled" if answer == "y" else "emr-cancel")
    assert waiting.wait(30) == EXIT_INTERRUPTED, heard
    (step,) = boto3.client("emr", region_name=REGION).list_steps(ClusterId=stack.cluster_id)[
        "Steps"
    ]
    assert step["Status"]["State"] == state


def _read_until(terminal: int, wanted: str) -> str:
    heard = ""
    while wanted not in heard:
        part = os.read(terminal, 4096)
        assert part, heard
        heard += part.decode()
    return heard


def test_waiting_survives_throttling_and_expired_credentials(
    stack: Stack,
    runner: StepRunner,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("emr.aws.client.__defaults__", (None, 1))  # botocore would wait as well
    run_id = emr.submit.submit(stack, "inner", str(images), [])
    moto_emr.faults["describe_step"].extend(
        ["ThrottlingException", "ExpiredTokenException", "ExpiredTokenException"]
    )
    assert emr.submit.finish(stack, run_id, 0.2, 20) == emr.submit.EXIT_COMPLETED
    shown = capsys.readouterr().err
    assert shown.count("AWS can't answer just now") == 1
    assert shown.count("credentials have expired; the job goes on") == 1
    assert not moto_emr.faults["describe_step"]


def test_what_is_there_already_does_not_travel_again(stack: Stack, images: Path) -> None:
    emr.submit.submit(stack, "outer", str(images), [])
    s3 = boto3.client("s3", region_name=REGION)

    def keys() -> dict[str, object]:
        found = s3.list_objects_v2(Bucket=stack.bucket)["Contents"]
        return {each["Key"]: each["LastModified"] for each in found}

    before = keys()
    assert {key.split("/")[0] for key in before} == {"code", "data"}
    emr.submit.submit(stack, "outer", str(images), [])
    assert keys() == before
