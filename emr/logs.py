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
                return self._fetch(bucket, each["Key"])
        return None

    def _find(self, folder: str, name: str) -> str | None:
        bucket, prefix = split(folder)
        answer = self.s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/{name}")
        for each in answer.get("Contents", []):
            if each["Key"].removeprefix(f"{prefix}/") in (name, f"{name}.gz"):
                return self._fetch(bucket, each["Key"])
        return None

    def _fetch(self, bucket: str, key: str) -> str:
        body = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read(MOST_BYTES)
        if key.endswith(".gz"):
            with gzip.GzipFile(fileobj=io.BytesIO(body)) as unpacked:
                body = unpacked.read(MOST_BYTES)
        return str(body.decode("utf-8", "replace"))


def explain_failure(stderr: str) -> str:
    """What a person needs of a failed driver's standard error.

    The driver's Python traceback without the JVM's frames, after the first one a worker sent if
    there is one, since that is the cause; without any traceback, the last lines that are not
    Spark's own chatter.
    """
    lines = stderr.splitlines()
    blocks = [_traceback(lines, i) for i, line in enumerate(lines) if TRACEBACK in line]
    if blocks:
        worker = next(
            (block for block in blocks if any("worker.py" in line for line in block)), None
        )
        driver = next((block for block in blocks if block is not worker), None)
        shown = [block for block in (worker, driver) if block]
        return "\n\n".join("\n".join(block) for block in shown)
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
