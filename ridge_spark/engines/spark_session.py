"""The Spark context of a run: started where there is none, watched while it works."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from py4j.protocol import Py4JJavaError
from pyspark import SparkConf, SparkContext

from ridge_spark.engines.java import use_java
from ridge_spark.errors import InputError

POLL_SECONDS = 0.5
VERBOSE = "RIDGE_SPARK_VERBOSE"  # set in the environment: Spark's log is shown


@contextmanager
def spark_context(name: str) -> Iterator[SparkContext]:
    """The Spark context of this process; an `InputError` in a task comes out as one here."""
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # not started by spark-submit: Java is up to us
        use_java()
        _silence_the_log()
    SparkContext._ensure_initialized()  # or SparkConf would not know what spark-submit was told
    conf = SparkConf().setAppName(name).setIfMissing("spark.master", "local[*]")
    conf.set("spark.ui.showConsoleProgress", "false")  # there is progress enough
    if conf.get("spark.master", "").startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        # What goes wrong is in the exception that is raised here; the JVM need not tell it as well.
        conf.setIfMissing("spark.log.level", "WARN" if VERBOSE in os.environ else "OFF")
    sc = SparkContext.getOrCreate(conf)
    try:
        yield sc
    except Py4JJavaError as error:
        told = re.search(r"InputError: (.*)", str(error))
        if told:
            raise InputError(told.group(1)) from error
        raise
    finally:
        sc.stop()


def _silence_the_log() -> None:
    """Have the JVM that starts next log nothing, unless that is asked for or settled already."""
    options = os.environ.get("SPARK_SUBMIT_OPTS", "")
    if VERBOSE in os.environ or "SPARK_CONF_DIR" in os.environ or "log4j" in options:
        return
    quiet = f'"-Dlog4j2.configurationFile={Path(__file__).with_name("log4j2.properties")}"'
    os.environ["SPARK_SUBMIT_OPTS"] = f"{options} {quiet}".strip()


@contextmanager
def watch(sc: SparkContext, advance: Callable[[int], None]) -> Iterator[None]:
    """Tell `advance` of finished tasks of the first stage of the jobs that run inside."""
    done = threading.Event()

    def poll() -> None:
        tracker, reported = sc.statusTracker(), 0
        while not done.wait(POLL_SECONDS):
            stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
            finished = sum(stage.numCompletedTasks for stage in stages if stage)
            if finished > reported:
                advance(finished - reported)
                reported = finished

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
