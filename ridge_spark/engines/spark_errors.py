"""What Spark says when something fails: cause and remedy in one line, the rest in a file."""

from __future__ import annotations

import os
import re
import tempfile

from ridge_spark.errors import InputError
from ridge_spark.printable import without_secrets

PYTHON = "set PYSPARK_PYTHON (or spark.pyspark.python) to one that is on every worker"

# What Spark's text has in it, and what that means; the first that is found counts. Groups of the
# pattern are put into the meaning.
KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"JAVA_GATEWAY_EXITED",
        "its JVM can't start; check --driver-memory, JAVA_HOME and SPARK_HOME, and what Java says",
    ),
    (
        r"PYTHON_VERSION_MISMATCH.*?different version(?:: |\s)\W*([\d.]+).*?([\d.]+)\W",
        "the workers' Python is {0} and the driver's {1}; use the same minor version, {python}",
    ),
    (
        r"Cannot run program \"([^\"]*)\".*?(?:No such file|error=2)",
        "the workers' Python, {0}, is not there; {python}",
    ),
    (
        r"Cannot run program \"([^\"]*)\"",
        "the workers' Python, {0}, can't be run; {python}",
    ),
    (
        r"ModuleNotFoundError: No module named '([^']*)'",
        "the workers' Python has no '{0}'; install what this program needs there, send it with "
        "--py-files or --archives, or {python}",
    ),
    (
        r"(?:number of cores per executor|executor cores)[^\n]*?\(=?\s*(\d+)\)?[^\n]*?"
        r"(?:cpus per task|task cpus)[^\n]*?(\d+)",
        "spark.task.cpus is {1}, but an executor has {0} cores; lower it, or raise "
        "spark.executor.cores",
    ),
    (
        r"No space left on device|Disk quota exceeded",
        "a disk is full; make room, or set spark.local.dir (and TMPDIR) to a larger one",
    ),
    (
        r"OutOfMemoryError|killed by YARN for exceeding memory|MemoryError|failed to map segment|"
        r"exit(?:ed with| )code (?:137|143)|SIGKILL|[cC]annot allocate memory",
        "a worker is out of memory; use more --partitions, raise spark.executor.memory and "
        "spark.executor.memoryOverhead, or use the inner job",
    ),
    (
        r"Python worker (?:exited unexpectedly|failed to connect back)",
        "a worker's Python has died, for want of memory as a rule; use more --partitions, or raise "
        "spark.executor.memoryOverhead",
    ),
    (
        r"ExecutorLostFailure \(executor (\S+) exited[^\n]*?Reason: ([^\n]*)",
        "executor {0} was lost ({1}); see its log",
    ),
    (
        r"All masters are unresponsive|Failed to connect to master",
        "the Spark master can't be reached; check --master",
    ),
    (
        r"SparkContext was shut down|stopped SparkContext|SparkContext has been shutdown",
        "Spark was shut down while it was at work; see the log of the cluster",
    ),
    (
        r"ConnectionRefusedError|the JVM of Spark has ended",
        "its JVM has ended, killed from outside or for want of memory; see the system's log, and "
        "--driver-memory",
    ),
)


# A traceback of Python: its lines are indented, and the one after them says what it is about.
TRACEBACK = r"Traceback \(most recent call last\):\n(?:[ \t].*\n)*(\S.*)"


def explained(text: str) -> InputError:
    """The error that tells a person what `text`, of Spark, says; all of it goes to a file."""
    told = re.search(r"InputError: (.*)", text)
    if told:
        return InputError(told.group(1))
    return InputError(f"Spark: {_cause(text)}; all that it said: {_kept(text)}")


def _cause(text: str) -> str:
    tried = re.search(r"[Tt]ask [\d.]+ in stage [\d.]+ failed (\d+) times", text)
    often = f"a task failed {tried.group(1)} times: " if tried and tried.group(1) != "1" else ""
    for pattern, meaning in KNOWN:
        found = re.search(pattern, text, re.DOTALL if "MISMATCH" in pattern else 0)
        if found:
            return often + meaning.format(*found.groups(), python=PYTHON)
    return often + _what_failed(text)


def _what_failed(text: str) -> str:
    """The line in which an unknown failure says what it is: of Python, or else of Java."""
    of_python = re.search(TRACEBACK, text)
    of_java = re.search(r"(?:\w+\.)+\w*(?:Error|Exception)\b.*", text)
    lines = text.strip().splitlines() or ["it failed"]
    found = of_python[1] if of_python else of_java[0] if of_java else lines[0]
    return found[:200]


def _kept(text: str) -> str:
    """The path of a new file with `text`."""
    try:
        handle, path = tempfile.mkstemp(prefix="ridge-spark-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(without_secrets(text))
    except OSError as error:
        return f"can't be kept ({error.strerror})"
    return path
