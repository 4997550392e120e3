"""A spark-submit: the same command on a cluster, on serverless and on a laptop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """What to run.

    name       of the run: the last part of its output's address
    script     the entry point, jobs/outer.py or jobs/inner.py, as a path or an address
    py_files   the packaged code
    arguments  the job's own
    options    further options of spark-submit: sizes, the deploy mode
    minutes    after which EMR Serverless ends it, whatever it waits for
    """

    name: str
    script: str
    py_files: str
    arguments: tuple[str, ...]
    options: tuple[str, ...] = ()
    minutes: int = 120

    def spark_options(self) -> list[str]:
        return ["--name", self.name, "--py-files", self.py_files, *self.options]

    def command(self) -> list[str]:
        return ["spark-submit", *self.spark_options(), self.script, *self.arguments]
