"""Jobs as steps of an EMR cluster."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from emr import prices
from emr.errors import EmrError, code
from emr.job import Job
from emr.runs import CANCELLED, COMPLETED, FAILED, PENDING, RUNNING, RunState
from emr.stack import Stack

STATES = {
    "PENDING": PENDING,
    "CANCEL_PENDING": RUNNING,
    "RUNNING": RUNNING,
    "COMPLETED": COMPLETED,
    "FAILED": FAILED,
    "INTERRUPTED": FAILED,
    "CANCELLED": CANCELLED,
}
GONE = {"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"}


class Cluster:
    """The stack's cluster; each call has its own client, so renewed credentials are seen."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.id = stack.cluster_id

    def submit(self, job: Job) -> str:
        self.require_alive()
        step = {
            "Name": job.name,
            "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": job.command()},
        }
        answer = self._emr.add_job_flow_steps(JobFlowId=self.id, Steps=[step])
        return str(answer["StepIds"][0])

    def state(self, run_id: str) -> RunState:
        try:
            step = self._emr.describe_step(ClusterId=self.id, StepId=run_id)["Step"]
        except ClientError as error:
            if code(error) in ("InvalidRequestException", "ValidationException"):
                raise EmrError(
                    f"The cluster {self.id} knows no step {run_id}; see: make emr-status"
                ) from error
            raise
        return _state(step)

    def recent(self) -> list[RunState]:
        return [_state(step) for step in self._emr.list_steps(ClusterId=self.id)["Steps"][:10]]

    def cancel(self, run_id: str) -> None:
        self.state(run_id)  # tells of a step that there is not more clearly than CancelSteps
        answer = self._emr.cancel_steps(
            ClusterId=self.id, StepIds=[run_id], StepCancellationOption="TERMINATE_PROCESS"
        )
        for each in answer.get("CancelStepsInfoList", []):
            if each["Status"] == "FAILED":
                raise EmrError(
                    f"{run_id} can't be cancelled: {each.get('Reason', 'no reason given')}"
                )

    def log_folders(self, run_id: str) -> list[str]:
        return [f"{self.stack.logs}{self.id}/steps/{run_id}/"]

    def container_folder(self, application: str) -> str:
        """Where the logs of an application's containers are; the driver's too in cluster mode."""
        return f"{self.stack.logs}{self.id}/containers/{application}/"

    def summary(self) -> str:
        state = self._describe()["Status"]["State"]
        sizes = self.stack.sizes
        costs = prices.without_nodes(sizes) if state in GONE else prices.forecast("cluster", sizes)
        where = f"{self.stack.release_label}, {self.stack.region}"
        return f"cluster {self.id} ({where}): {state}. {costs}"

    def cost(self, run_id: str) -> str:
        workers = self._workers()
        hourly = prices.cluster_hour(self.stack.sizes, workers)
        if hourly is None:
            return prices.forecast("cluster", self.stack.sizes)
        seconds = self.state(run_id).seconds
        return (
            f"about ${hourly * seconds / 3600:.2f} for {seconds:.0f} s of 1 + {workers} nodes at "
            f"${hourly:.2f} an hour (list prices; Spot nodes counted as on-demand)"
        )

    def require_alive(self) -> None:
        """`EmrError` if the cluster has ended."""
        status = self._describe()["Status"]
        if status["State"] in GONE:
            reason = status.get("StateChangeReason", {}).get("Message") or "no reason given"
            raise EmrError(
                f"The cluster {self.id} has ended ({status['State']}: {reason}); "
                "start another with: make emr-up"
            )

    def _describe(self) -> dict[str, Any]:
        try:
            return dict(self._emr.describe_cluster(ClusterId=self.id)["Cluster"])
        except ClientError as error:
            if code(error) in ("InvalidRequestException", "ValidationException", "ClusterNotFound"):
                raise EmrError(
                    f"The cluster {self.id} is gone from {self.stack.region}; "
                    "is AWS_PROFILE the account it was made in? Else: make emr-up"
                ) from error
            raise

    def _workers(self) -> int:
        fleets = self._emr.list_instance_fleets(ClusterId=self.id)["InstanceFleets"]
        return sum(
            fleet.get("ProvisionedOnDemandCapacity", 0) + fleet.get("ProvisionedSpotCapacity", 0)
            for fleet in fleets
            if fleet["InstanceFleetType"] != "MASTER"
        )

    @property
    def _emr(self) -> Any:
        return self.stack.client("emr")


def _state(step: dict[str, Any]) -> RunState:
    status = step["Status"]
    timeline = status.get("Timeline", {})
    details = status.get("FailureDetails") or {}
    reason = details.get("Message") or status.get("StateChangeReason", {}).get("Message") or ""
    return RunState(
        step["Id"],
        step["Name"],
        STATES[status["State"]],
        reason,
        timeline.get("StartDateTime"),
        timeline.get("EndDateTime"),
    )
