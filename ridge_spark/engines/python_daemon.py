"""Spark's Python daemon, which forks the workers, after it has imported what their tasks need.

Each worker would import that by itself, one core each, while the first pass waits. Spark starts it
by the name in `spark.python.daemon.module`.
"""

from __future__ import annotations

from contextlib import suppress

from pyspark.daemon import manager

if __name__ == "__main__":
    with suppress(Exception):  # what is wrong here, the first task will tell, and Spark with it
        import ridge_spark.engines.outer  # noqa: F401
        from ridge_spark.ridge.kernel.choose import accumulator_type

        accumulator_type()
    manager()
