"""Jobs as runs of an EMR Serverless application."""

from __future__ import annotations

import shlex
from typing import Any

from botocore.exceptions import ClientError

from emr import prices
from emr.errors import EmrError, code
from emr.job import Job
from emr.runs import CANCELLED, COMPLETED, ENDED, FAILED, PENDING, RUNNING, RunState
from emr.stack import Stack

STATES = {
    "SUBMITTED": PENDING,
    "PENDING": PENDING,
    "QUEUED": PENDING,
    "SCHEDULED": PENDING,
    "RUNNING": RUNNING,
    "CANCELLING": RUNNING,
    "SUCCESS": COMPLETED,
    "FAILED": FAILED,
    "CANCELLED": CANCELLED,
}
MOST_MINUTES = 12 * 60
PYTHON = "./environment/bin/python"


def environment_options(archive: str) -> list[str]:
    """Use the packed environment for the driver and the executors."""
    settings = {
        "spark.archives": f"{archive}#environment",
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": PYTHON,
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": PYTHON,
        "spark.executorEnv.PYSPARK_PYTHON": PYTHON,
        "spark.emr-serverless.driverEnv.LC_ALL": "C.UTF-8",
    }
    return [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]


class Serverless:
    """The stack's application; each call has its own client, so renewed credentials are seen."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.id = stack.application_id

    def submit(self, job: Job) -> str:
        answer = self._emr.start_job_run(
            applicationId=self.id,
            name=job.name,
            executionRoleArn=self.stack.job_role_arn,
            executionTimeoutMinutes=MOST_MINUTES,
            jobDriver={
                "sparkSubmit": {
                    "entryPoint": job.script,
                    "entryPointArguments": list(job.arguments),
                    "sparkSubmitParameters": shlex.join(job.spark_options()),
                }
            },
            configurationOverrides={
                "monitoringConfiguration": {
                    "s3MonitoringConfiguration": {
                        "logUri": self.stack.logs,
                        "encryptionKeyArn": self.stack.kms_key_arn,
                    }
                }
            },
            tags={"Project": self.stack.name},
        )
        return str(answer["jobRunId"])

    def state(self, run_id: str) -> RunState:
        return _state(self._describe(run_id))

    def recent(self) -> list[RunState]:
        runs = self._emr.list_job_runs(applicationId=self.id, maxResults=10)["jobRuns"]
        return [_state({"jobRunId": run["id"], **run}) for run in runs]

    def cancel(self, run_id: str) -> None:
        if self.state(run_id).state in ENDED:
            raise EmrError(f"{run_id} can't be cancelled: it has ended")
        self._emr.cancel_job_run(applicationId=self.id, jobRunId=run_id)

    def log_folders(self, run_id: str) -> list[str]:
        return [f"{self.stack.logs}applications/{self.id}/jobs/{run_id}/SPARK_DRIVER/"]

    def summary(self) -> str:
        application = self._emr.get_application(applicationId=self.id)["application"]
        return (
            f"application {self.id} ({application['releaseLabel']}, {self.stack.region}): "
            f"{application['state']}. " + prices.forecast("serverless", self.stack.sizes)
        )

    def cost(self, run_id: str) -> str:
        used = self._describe(run_id).get("totalResourceUtilization")
        if not used:
            return "not known yet; AWS adds it up some minutes after the end"
        dollars = prices.serverless(used["vCPUHour"], used["memoryGBHour"])
        return f"about ${dollars:.2f} for {used['vCPUHour']:.2f} vCPU hours (list prices)"

    def _describe(self, run_id: str) -> dict[str, Any]:
        try:
            answer = self._emr.get_job_run(applicationId=self.id, jobRunId=run_id)
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                raise EmrError(
                    f"The application {self.id} knows no run {run_id}; see: make emr-status"
                ) from error
            raise
        return dict(answer["jobRun"])

    @property
    def _emr(self) -> Any:
        return self.stack.client("emr-serverless")


def _state(run: dict[str, Any]) -> RunState:
    state = STATES[run["state"]]
    ended = run.get("endedAt") or (run["updatedAt"] if state in ENDED else None)
    started = run.get("startedAt") or (run["createdAt"] if state != PENDING else None)
    return RunState(
        run["jobRunId"], run.get("name", ""), state, run.get("stateDetails", ""), started, ended
    )
