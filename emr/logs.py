"""Fetches the driver's output from the log bucket and finds the Python in it."""

from __future__ import annotations

import gzip
import io
import re
import time
from typing import Any

from emr.runs import Target
from emr.stack import Stack
from emr.storage import split

MOST_BYTES = 64 * 2**20  # of an unpacked log: enough to read, too little to fill a disk
TRACEBACK = "Traceback (most recent call last):"
WORKER = "pyspark/worker.py"
ERROR = re.compile(r"^ridge-spark: error: ")
APPLICATION = re.compile(r"application_\d+_\d+")
LOG4J = re.compile(r"^\d{2,4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d\S* (TRACE|DEBUG|INFO|WARN|ERROR) ")
JAVA = re.compile(
    r"^\s*(at [\w.$/<>]+\(|\.\.\. \d+ more|Caused by: (?:java|org|scala)\.|Driver stacktrace)"
)


class Logs:
    """The logs of one stack's runs."""

    def __init__(self, stack: Stack, target: Target) -> None:
        self.target = target
        self.s3: Any = stack.client("s3")

    def read(self, run_id: str, name: str, wait_seconds: float = 0) -> str | None:
        """The driver's `stdout` or `stderr`; None if it has not arrived after `wait_seconds`.

        In cluster mode the step's own log only tells of the application, and the driver's output
        is that of the application's first container.
        """
        until = time.monotonic() + wait_seconds
        while True:
            for folder in self.target.log_folders(run_id):
                found = self._find(folder, name)
                if found is not None:
                    return self._of_container(run_id, name) or found
            if time.monotonic() >= until:
                return None
            time.sleep(min(5, max(0.2, wait_seconds / 20)))

    def failure(self, run_id: str, wait_seconds: float = 0) -> str | None:
        """Why the run failed; None if its log has not arrived after `wait_seconds`.

        spark-submit sends a Python driver's standard error to its own standard output, unless the
        driver sees to it, so both are looked at.
        """
        stderr = self.read(run_id, "stderr", wait_seconds)
        if stderr is None:
            return None
        return explain_failure((self.read(run_id, "stdout") or "") + "\n" + stderr)

    def _of_container(self, run_id: str, name: str) -> str | None:
        folder_of = getattr(self.target, "container_folder", None)
        step = self._find(self.target.log_folders(run_id)[0], "stderr") or ""
        application = APPLICATION.search(step)
        if folder_of is None or application is None or "deployMode=cluster" not in step:
            return None
        bucket, prefix = split(folder_of(application[0]))
        answer = self.s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")
        for each in answer.get("Contents", []):
            if re.search(rf"_000001/{name}(\.gz)?$", each["Key"]):
                return fetch(self.s3, bucket, each["Key"])
        return None

    def _find(self, folder: str, name: str) -> str | None:
        bucket, prefix = split(folder)
        answer = self.s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/{name}")
        for each in answer.get("Contents", []):
            if each["Key"].removeprefix(f"{prefix}/") in (name, f"{name}.gz"):
                return fetch(self.s3, bucket, each["Key"])
        return None


def fetch(s3: Any, bucket: str, key: str) -> str:
    """The text of a log, unpacked."""
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read(MOST_BYTES)
    if key.endswith(".gz"):
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as unpacked:
            body = unpacked.read(MOST_BYTES)
    return str(body.decode("utf-8", "replace"))


def explain_failure(log: str) -> str:
    """What a person needs of a failed driver's output.

    Our own error line if there is one. Else the first traceback that a worker sent, since that is
    the cause, and the driver's; both without the JVM's frames. Else the last lines that are not
    Spark's own chatter.
    """
    lines = log.splitlines()
    told = [line for line in lines if ERROR.match(line)]
    if told:
        return told[-1]
    blocks = [_traceback(lines, i) for i, line in enumerate(lines) if TRACEBACK in line]
    worker = next((block for block in blocks if WORKER in "".join(block)), None)
    driver = next((block for block in blocks if WORKER not in "".join(block)), None)
    shown = ["\n".join(block) for block in (worker, driver) if block]
    if shown:
        return "\n\n".join(shown)
    plain = [
        line for line in lines if line.strip() and not LOG4J.match(line) and not JAVA.match(line)
    ]
    return "\n".join(plain[-20:] or lines[-20:])


def _traceback(lines: list[str], start: int) -> list[str]:
    """The traceback that starts on a line: indented frames, then the exception and no more."""
    block = [TRACEBACK]
    for line in lines[start + 1 :]:
        if JAVA.match(line) or LOG4J.match(line):
            break
        block.append(line)
        if line and not line.startswith(" "):
            break
    return block
