"""EMR as AWS enforces it: instance fleets, policies, steps, echoed settings, starts that fail."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict, deque
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.emr.models import Cluster
from moto.emr.responses import ElasticMapReduceResponse

from tests.emr import moto_network

faults: dict[str, deque[str]] = defaultdict(deque)  # error codes to answer an action with, in turn
SPARK_OF = {"emr-7.13.0": "3.5.6", "emr-7.14.0": "3.5.8", "emr-spark-8.1.0": "4.1.1"}


def _cluster(self: Any) -> Any:
    return self.backend.describe_cluster(self._get_param("ClusterId"))


def _given(self: Any, key: str) -> Any:
    """A parameter as it was sent: moto's own reading changes the spelling of its keys."""
    return json.loads(self.body)[key]


# --- instance fleets --------------------------------------------------------------------------


def _disk(asked: dict[str, Any]) -> dict[str, Any]:
    """A gp3 disk is told with the IOPS it has by itself, whether or not they were asked for.

    Not with its throughput: the provider would fail on it, and does not where it is in use.
    """
    return {"Iops": 3000, **asked} if asked.get("VolumeType") == "gp3" else asked


def _fleet(asked: dict[str, Any]) -> dict[str, Any]:
    types = []
    for each in asked.get("InstanceTypeConfigs", []):
        disks = each.get("EbsConfiguration") or {}
        volumes = [
            {"Device": "/dev/sdb", "VolumeSpecification": _disk(disk["VolumeSpecification"])}
            for disk in disks.get("EbsBlockDeviceConfigs", [])
            for _ in range(disk.get("VolumesPerInstance", 1))
        ]
        kept = {name: value for name, value in each.items() if name != "EbsConfiguration"}
        optimised = disks.get("EbsOptimized", False)
        types.append({**kept, "EbsOptimized": optimised, "EbsBlockDevices": volumes})
    timeline = {"CreationDateTime": utcnow()}
    fleet = {
        "Id": f"if-{uuid.uuid4().hex[:13].upper()}",
        "Name": asked.get("Name"),
        "InstanceFleetType": asked["InstanceFleetType"],
        "Status": {"State": "RUNNING", "StateChangeReason": {}, "Timeline": timeline},
        "InstanceTypeSpecifications": types,
        "LaunchSpecifications": asked.get("LaunchSpecifications"),
    }
    return _resize(fleet, asked)


def _resize(fleet: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    for kind in ("OnDemand", "Spot"):
        wanted = asked.get(f"Target{kind}Capacity", fleet.get(f"Target{kind}Capacity", 0))
        fleet[f"Target{kind}Capacity"] = fleet[f"Provisioned{kind}Capacity"] = wanted
    return fleet


# --- starting a cluster -----------------------------------------------------------------------

_run_job_flow = ElasticMapReduceResponse.run_job_flow


def run_job_flow(self: Any) -> Any:
    asked = json.loads(self.body)
    if faults["run_job_flow"]:
        raise JsonRESTError("ValidationException", faults["run_job_flow"].popleft())
    for fleet in asked["Instances"].get("InstanceFleets", []):
        if len(fleet.get("InstanceTypeConfigs", [])) > 5:
            raise JsonRESTError("ValidationException", "A fleet has at most five instance types.")
    # Looked at beforehand: moto itself adds rules to the security groups.
    refused = moto_network.why_not_started(asked, self.current_account, self.region)
    answer = _run_job_flow(self)
    cluster = self.backend.describe_cluster(answer.result["JobFlowId"])
    cluster.configurations = _echoed(asked.get("Configurations", []))
    cluster.scale_down_behavior = asked.get("ScaleDownBehavior")
    cluster.log_encryption_kms_key_id = asked.get("LogEncryptionKmsKeyId")
    cluster.auto_termination = asked.get("AutoTerminationPolicy")
    cluster.managed_scaling = asked.get("ManagedScalingPolicy")
    cluster.fleets = [_fleet(each) for each in asked["Instances"].get("InstanceFleets", [])]
    if refused:
        cluster.state, cluster.last_state_change_reason = "TERMINATED_WITH_ERRORS", refused
    return answer


def _echoed(configurations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Configurations as AWS answers with them: each has Properties, if only an empty one."""
    echoed = []
    for each in configurations:
        told = {**each, "Properties": each.get("Properties") or {}}
        if "Configurations" in each:
            told["Configurations"] = _echoed(each["Configurations"])
        echoed.append(told)
    return echoed


def list_instance_fleets(self: Any) -> Any:
    return ActionResult({"InstanceFleets": getattr(_cluster(self), "fleets", [])})


def add_instance_fleet(self: Any) -> Any:
    cluster, fleet = _cluster(self), _fleet(_given(self, "InstanceFleet"))
    cluster.fleets.append(fleet)
    return ActionResult({"ClusterId": cluster.id, "InstanceFleetId": fleet["Id"]})


def modify_instance_fleet(self: Any) -> Any:
    asked = _given(self, "InstanceFleet")
    for fleet in _cluster(self).fleets:
        if fleet["Id"] == asked["InstanceFleetId"]:
            _resize(fleet, asked)
    return EmptyResult()


# --- auto-termination, managed scaling, releases ----------------------------------------------


def _policy(attribute: str, key: str) -> tuple[Any, Any, Any]:
    def put(self: Any) -> Any:
        setattr(_cluster(self), attribute, _given(self, key))
        return EmptyResult()

    def get(self: Any) -> Any:
        found = getattr(_cluster(self), attribute, None)
        return ActionResult({key: found} if found else {})

    def remove(self: Any) -> Any:
        setattr(_cluster(self), attribute, None)
        return EmptyResult()

    return put, get, remove


def describe_release_label(self: Any) -> Any:
    label = self._get_param("ReleaseLabel")
    if label not in SPARK_OF:
        raise JsonRESTError("InvalidRequestException", f"The release label {label} is invalid.")
    spark = {"Name": "Spark", "Version": SPARK_OF[label]}
    return ActionResult({"ReleaseLabel": label, "Applications": [spark]})


# --- steps ------------------------------------------------------------------------------------


def cancel_steps(self: Any) -> Any:
    answers = []
    for step_id in self._get_param("StepIds", []):
        step = self.backend.describe_step(self._get_param("ClusterId"), step_id)
        if step.state in ("PENDING", "RUNNING"):
            step.state = "CANCELLED"
            answers.append({"StepId": step_id, "Status": "SUBMITTED"})
        else:
            reason = f"The step is {step.state}"
            answers.append({"StepId": step_id, "Status": "FAILED", "Reason": reason})
    return ActionResult({"CancelStepsInfoList": answers})


_add_steps = Cluster.add_steps


def add_steps(self: Any, steps: Any) -> Any:
    """Every step waits for the step runner; plain moto calls the first one RUNNING for ever."""
    added = _add_steps(self, steps)
    for step in added:
        step.state = "PENDING"
    return added


_describe_step = ElasticMapReduceResponse.describe_step


def describe_step(self: Any) -> Any:
    """Answers with the error codes of `faults` first, and refuses a step that there is not."""
    if faults["describe_step"]:
        code = faults["describe_step"].popleft()
        raise JsonRESTError(code, f"{code} was asked for by a test")
    answer = _describe_step(self)
    if answer.result["Step"] is None:
        raise JsonRESTError("InvalidRequestException", "Step id is not valid.")
    return answer


def install() -> None:
    emr = ElasticMapReduceResponse
    for function in (
        run_job_flow,
        list_instance_fleets,
        add_instance_fleet,
        modify_instance_fleet,
        describe_release_label,
        cancel_steps,
        describe_step,
    ):
        setattr(emr, function.__name__, function)
    for name, attribute, key in (
        ("auto_termination_policy", "auto_termination", "AutoTerminationPolicy"),
        ("managed_scaling_policy", "managed_scaling", "ManagedScalingPolicy"),
    ):
        for verb, function in zip(("put", "get", "remove"), _policy(attribute, key), strict=True):
            setattr(emr, f"{verb}_{name}", function)
    Cluster.add_steps = add_steps
