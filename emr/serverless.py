"""Jobs as runs of an EMR Serverless application."""

from __future__ import annotations

import shlex
from typing import Any

from botocore.exceptions import ClientError

from emr import aws, prices
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
PYTHON = "./environment/bin/python"


def environment_options(archive: str, region: str) -> list[str]:
    """Use the packed environment, and S3 of this region, for the driver and the executors."""
    environment = {
        "PYSPARK_PYTHON": PYTHON,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL_S3": aws.s3_address(region),
        "LC_ALL": "C.UTF-8",
    }
    settings = {
        "spark.archives": f"{archive}#environment",
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": PYTHON,
    }
    for name, value in environment.items():
        settings[f"spark.emr-serverless.driverEnv.{name}"] = value
        settings[f"spark.executorEnv.{name}"] = value
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
            executionTimeoutMinutes=job.minutes,
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
        """What AWS bills: a minute of each worker at least, and its disk beyond 20 GB."""
        billed = self._describe(run_id).get("billedResourceUtilization")
        if not billed or not billed.get("vCPUHour"):
            return "not known yet; AWS adds it up some minutes after the end"
        dollars = prices.serverless(
            billed["vCPUHour"], billed["memoryGBHour"], billed.get("storageGBHour", 0)
        )
        return f"about ${dollars:.2f} for {billed['vCPUHour']:.2f} vCPU hours (list prices)"

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
