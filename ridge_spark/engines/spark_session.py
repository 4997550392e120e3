"""The Spark context of a run: started where there is none, watched while it works."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from py4j.protocol import Py4JJavaError
from pyspark import SparkConf, SparkContext

from ridge_spark.engines.java import use_java
from ridge_spark.errors import InputError

POLL_SECONDS = 0.5
STARTING_SECONDS = 10  # that stopping waits for workers to have started
STARTING = "ridge-spark: start"  # the group of a job that `watch` is not of
WORKERS_PATH = "spark.executorEnv.PYTHONPATH"
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
    here = conf.get("spark.master", "").startswith("local")
    if here:
        _settle_workers(conf)
    sc = SparkContext.getOrCreate(conf)
    starting = threading.Thread(target=_start_workers, args=(sc,), daemon=True)
    if here:
        starting.start()
    try:
        yield sc
    except Py4JJavaError as error:
        told = re.search(r"InputError: (.*)", str(error))
        if told:
            raise InputError(told.group(1)) from error
        raise
    finally:
        sc.stop()
        if here:
            starting.join(STARTING_SECONDS)


def _settle_workers(conf: SparkConf) -> None:
    """Settle, for workers on this machine, which Python they are and how they start.

    Elsewhere the code may come to the workers only after their daemon has started.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # What goes wrong is in the exception that is raised here; the JVM need not tell it as well.
    conf.setIfMissing("spark.log.level", "WARN" if VERBOSE in os.environ else "OFF")
    conf.setIfMissing("spark.python.daemon.module", "ridge_spark.engines.python_daemon")
    paths = (_path_of_this_package(), conf.get(WORKERS_PATH))
    conf.set(WORKERS_PATH, os.pathsep.join(filter(None, paths)))


def _path_of_this_package() -> str:
    """What to put on the path of a Python process for it to find this package, a zip maybe."""
    import ridge_spark

    return str(Path(ridge_spark.__file__).parents[1])


def _start_workers(sc: SparkContext) -> None:
    """Have Spark start its Python workers while the driver is still busy with something else."""
    with suppress(Exception):  # what is wrong shows in the first job that matters
        sc.setJobGroup(STARTING, "Python workers are started")
        sc.parallelize(range(sc.defaultParallelism), sc.defaultParallelism).foreach(_nothing)


def _nothing(_: int) -> None:
    pass


def _silence_the_log() -> None:
    """Have the JVM that starts next log nothing, unless that is asked for or settled already."""
    options = os.environ.get("SPARK_SUBMIT_OPTS", "")
    if VERBOSE in os.environ or "SPARK_CONF_DIR" in os.environ or "log4j" in options:
        return
    quiet = f'"-Dlog4j2.configurationFile={Path(__file__).with_name("log4j2.properties")}"'
    os.environ["SPARK_SUBMIT_OPTS"] = f"{options} {quiet}".strip()


@contextmanager
def watch(
    sc: SparkContext,
    advance: Callable[[int], None],
    tasks: int,
    total: int = 0,
    told: Callable[[], int] = lambda: 0,
) -> Iterator[None]:
    """Tell `advance` how much of `total`, else of the tasks, the jobs that run inside have done.

    That is what the tasks themselves have `told`, or the part of their number that has ended where
    that is more.
    """
    total = total or tasks
    done = threading.Event()

    def poll() -> None:
        tracker, reported = sc.statusTracker(), 0
        earlier = set(tracker.getJobIdsForGroup())
        while not done.wait(POLL_SECONDS):
            jobs = [tracker.getJobInfo(job) for job in set(tracker.getJobIdsForGroup()) - earlier]
            stages = [tracker.getStageInfo(stage) for job in jobs if job for stage in job.stageIds]
            ended = min(tasks, sum(stage.numCompletedTasks for stage in stages if stage))
            so_far = min(total, max(told(), total * ended // tasks))
            if so_far > reported:
                advance(so_far - reported)
                reported = so_far

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
