"""The Spark context of a run: started where there is none, watched while it works."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.java_gateway import launch_gateway

from ridge_spark.data.scratch import Scratch
from ridge_spark.engines.java import use_java
from ridge_spark.engines.signals import held_back
from ridge_spark.engines.spark_errors import explained

POLL_SECONDS = 0.5
STARTING_SECONDS = 10  # that stopping waits for workers to have started
STARTING = "ridge-spark: start"  # the group of a job that `watch` is not of
WORKERS_PATH = "spark.executorEnv.PYTHONPATH"
OF_SPARK = (Py4JError, ConnectionError, EOFError, PySparkException)  # its JVM, or what it says
SECONDS_TO_STOP = 20.0  # after Ctrl-C; a JVM that takes longer is left to end by itself
VERBOSE = "RIDGE_SPARK_VERBOSE"  # set in the environment: Spark's log is shown


@contextmanager
def spark_context(name: str) -> Iterator[SparkContext]:
    """The Spark context of this process; whatever fails in Spark comes out as one `InputError`.

    After Ctrl-C or SIGTERM it is stopped as well, and nothing of it is left.
    """
    with ExitStack() as stack:
        try:
            with held_back():
                sc = _start(name, stack)
                stack.push(partial(_stop, sc))
            yield sc
        except Exception as error:
            ended = _interruption(error)
            if ended is not None:
                raise ended from None
            if isinstance(error, OF_SPARK):
                raise explained(_said(error)) from error
            raise


def _said(error: Exception) -> str:
    """All that Spark says of an error; a JVM that is gone can't be asked for more of it."""
    try:
        return f"{type(error).__name__}: {error}"
    except OF_SPARK:
        return f"{type(error).__name__}: the JVM of Spark has ended"


def _interruption(error: BaseException | None) -> BaseException | None:
    """The Ctrl-C or SIGTERM in whose wake the error came up: tidying up may fail then itself."""
    while error is not None and not isinstance(error, KeyboardInterrupt | SystemExit):
        error = error.__context__
    return error


def _start(name: str, stack: ExitStack) -> SparkContext:
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # not started by spark-submit: Java is up to us
        use_java()
        _silence_the_log()
        # In a session of its own: Ctrl-C is for us, and not for all the workers of a terminal.
        if SparkContext._gateway is None:
            gateway = launch_gateway(popen_kwargs={"start_new_session": True})
            SparkContext._ensure_initialized(gateway=gateway)
    SparkContext._ensure_initialized()  # or SparkConf would not know what spark-submit was told
    conf = SparkConf().setAppName(name).setIfMissing("spark.master", "local[*]")
    conf.set("spark.ui.showConsoleProgress", "false")  # there is progress enough
    here = conf.get("spark.master", "").startswith("local")
    if here:
        _settle_workers(conf)
        # Whatever it keeps on disk, copies of all images among it, goes when we go, or later.
        conf.setIfMissing("spark.local.dir", _local_folder())
    sc = SparkContext.getOrCreate(conf)
    server = getattr(sc, "_accumulatorServer", None)
    if server is not None:  # of a JVM that has ended it would print a traceback beside our line
        server.handle_error = lambda *_: None
    if here:
        starting = threading.Thread(target=_start_workers, args=(sc,), daemon=True)
        starting.start()
        stack.callback(starting.join, STARTING_SECONDS)
    return sc


@cache
def _local_folder() -> str:
    """A folder for as long as this process is there: its JVM never turns to another."""
    scratch = Scratch()
    atexit.register(scratch.close)
    return str(scratch.path)


def _stop(sc: SparkContext, kind: type[BaseException] | None, *_: object) -> None:
    """Stop Spark. Where we were interrupted, we may have been in the middle of a talk with the JVM:

    then another thread, which has a connection of its own, stops it, if it is still there at all.
    """
    if kind is None or issubclass(kind, Exception):
        _stop_quietly(sc)
        return
    stopping = threading.Thread(target=_stop_quietly, args=(sc,), daemon=True)
    stopping.start()
    stopping.join(SECONDS_TO_STOP)


def _stop_quietly(sc: SparkContext) -> None:
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.stop()


def _settle_workers(conf: SparkConf) -> None:
    """Settle, for workers on this machine, which Python they are and how they start.

    Elsewhere the code may come to the workers only after their daemon has started.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    conf.setIfMissing("spark.ui.enabled", "false")  # a port that is open to all of this machine
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
            try:
                jobs = [
                    tracker.getJobInfo(job) for job in set(tracker.getJobIdsForGroup()) - earlier
                ]
                stages = [tracker.getStageInfo(id) for job in jobs if job for id in job.stageIds]
            except (Py4JError, OSError):  # Spark is gone; whoever waits for it will say so
                return
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
