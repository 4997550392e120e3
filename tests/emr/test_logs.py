"""What a person is shown of a failed job's log."""

from __future__ import annotations

from emr.logs import explain_failure

JAVA = "\tat org.apache.spark.executor.Executor$TaskRunner.run(Executor.scala:624)\n" * 40
WORKER = (
    "Traceback (most recent call last):\n"
    '  File "/usr/lib/spark/python/lib/pyspark.zip/pyspark/worker.py", line 1247, in main\n'
    '  File "tiles.py", line 9, in sums\n'
    "    return a // b\n"
    "           ~~^^~~\n"
    "ZeroDivisionError: integer division or modulo by zero\n"
)
NOISE = (
    "26/11/24 03:08:01 ERROR Executor: Exception in task 1.0 in stage 0.0 (TID 1)\n"
    f"org.apache.spark.api.python.PythonException: {WORKER}\n{JAVA}Driver stacktrace:\n{JAVA}"
)
DRIVER = (
    "Traceback (most recent call last):\n"
    '  File "outer.py", line 4, in <module>\n'
    "    main()\n"
    "py4j.protocol.Py4JJavaError: An error occurred while calling o1.collect.\n"
    f": org.apache.spark.SparkException: Job aborted: {WORKER}\n{JAVA}\n"
    f"Caused by: org.apache.spark.api.python.PythonException: {WORKER}\n{JAVA}\t... 1 more\n"
)


def test_the_cause_comes_first_and_each_traceback_once() -> None:
    for log in (DRIVER + NOISE * 4, NOISE * 4 + DRIVER):
        shown = explain_failure(log)
        assert shown.count("ZeroDivisionError") == 1
        assert shown.count("Py4JJavaError") == 1
        assert shown.index("in sums") < shown.index("outer.py")
        assert "org.apache" not in shown
        assert "at org" not in shown


def test_our_own_error_line_stands_alone() -> None:
    shown = explain_failure(NOISE + "ridge-spark: error: --seed x: must fit 64 bits\n" + NOISE)
    assert shown == "ridge-spark: error: --seed x: must fit 64 bits"


def test_without_a_traceback_the_last_lines_that_are_not_chatter() -> None:
    log = "26/11/24 03:07:42 INFO SparkContext: Running\nbash: spark-submit: not found\n" + JAVA
    assert explain_failure(log) == "bash: spark-submit: not found"


def test_a_traceback_cut_short_and_a_log_of_nothing_but_chatter() -> None:
    assert explain_failure(WORKER[:60]).startswith("Traceback")
    without_its_end = WORKER.rsplit("ZeroDivisionError", 1)[0]
    assert "at org" not in explain_failure(without_its_end + JAVA)
    assert "Running" in explain_failure("26/11/24 03:07:42 INFO SparkContext: Running\n")
    assert explain_failure("") == ""
