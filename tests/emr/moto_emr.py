"""What moto's EMR, budgets, S3, quotas and serverless lack, added so that real clients can work.

moto answers most of AWS; these are the calls that Terraform's provider and our own code make and
that it does not, or not in a form the provider accepts.
"""

from __future__ import annotations

import json
import os
import uuid
from collections import defaultdict, deque
from typing import Any

os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

import moto.emrserverless.models
from moto.budgets.responses import BudgetsResponse
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.emr.models import Cluster
from moto.emr.responses import ElasticMapReduceResponse
from moto.emrserverless.responses import EMRServerlessResponse
from moto.iam.access_control import IAMPolicy, IAMRequestBase, PermissionResult
from moto.s3.models import FakeBucket
from moto.servicequotas.responses import ServiceQuotasResponse

SERVICE_USER = "emr-"  # what the name of a user starts with that plays the EMR service
quota_vcpus = {"value": 640.0}
faults: dict[str, deque[str]] = defaultdict(deque)  # error codes to answer an action with, in turn


def _cluster(self: Any) -> Any:
    return self.backend.describe_cluster(self._get_param("ClusterId"))


def _given(self: Any, key: str) -> Any:
    """A parameter as it was sent: moto's own reading changes the spelling of its keys."""
    return json.loads(self.body)[key]


# --- instance fleets --------------------------------------------------------------------------


def _fleet(asked: dict[str, Any]) -> dict[str, Any]:
    types = []
    for each in asked.get("InstanceTypeConfigs", []):
        disks = each.get("EbsConfiguration") or {}
        volumes = [
            {"Device": "/dev/sdb", "VolumeSpecification": disk["VolumeSpecification"]}
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


_run_job_flow = ElasticMapReduceResponse.run_job_flow


def run_job_flow(self: Any) -> Any:
    answer = _run_job_flow(self)
    asked = json.loads(self.body)
    cluster = self.backend.describe_cluster(answer.result["JobFlowId"])
    cluster.scale_down_behavior = asked.get("ScaleDownBehavior")
    cluster.log_encryption_kms_key_id = asked.get("LogEncryptionKmsKeyId")
    cluster.auto_termination = asked.get("AutoTerminationPolicy")
    cluster.managed_scaling = asked.get("ManagedScalingPolicy")
    cluster.fleets = [_fleet(each) for each in asked["Instances"].get("InstanceFleets", [])]
    return answer


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


# --- auto-termination, managed scaling, cancelling steps --------------------------------------


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


# --- security groups --------------------------------------------------------------------------

_init_rule = SecurityGroupRule.__init__


def init_rule(self: Any, *args: Any, **kwargs: Any) -> None:
    """Rules keep their description whatever they refer to, not only with an address range."""
    _init_rule(self, *args, **kwargs)
    for other in (self.source_group, *args[7:], kwargs.get("prefix_list_id")):
        if isinstance(other, dict) and other.get("Description"):
            self.ip_range = {"Description": other.pop("Description")}


# --- budgets, quotas, buckets -----------------------------------------------------------------


def describe_subscribers_for_notification(self: Any) -> str:
    def known(details: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in details.items() if key != "NotificationState"}

    budgets = self.backend.budgets[self._get_param("AccountId")]
    wanted = known(self._get_param("Notification"))
    for each in budgets[self._get_param("BudgetName")].notifications:
        if known(each.details) == wanted:
            return json.dumps({"Subscribers": each.subscribers})
    return json.dumps({"Subscribers": []})


_create_budget = BudgetsResponse.create_budget
_budget_tags: dict[str, Any] = {}


def create_budget(self: Any) -> Any:
    _budget_tags[self._get_param("Budget")["BudgetName"]] = self._get_param("ResourceTags") or []
    return _create_budget(self)


def budget_tags(self: Any) -> str:
    name = self._get_param("ResourceARN").rsplit("/", 1)[-1]
    return json.dumps({"ResourceTags": _budget_tags.get(name, [])})


def get_service_quota(self: Any) -> str:
    return json.dumps({"Quota": {"Value": quota_vcpus["value"]}})


def get_permission(self: Any, action: str, resource: str) -> Any:
    """A bucket policy without its TLS-only statement: moto denies when a condition is not met."""
    if self.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(self.policy)
    policy["Statement"] = [
        each for each in policy["Statement"] if "aws:SecureTransport" not in json.dumps(each)
    ]
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)


def trusts_the_service(self: Any, role_arn: str) -> bool:
    """Only a service may take these roles; the step runner's user stands in for EC2 and EMR."""
    return f":user/{SERVICE_USER}" in self._access_key.arn


_create_application = EMRServerlessResponse.create_application


def create_application(self: Any) -> Any:
    answer = _create_application(self)
    made = self.emrserverless_backend.get_application(answer.result["applicationId"])
    made.architecture = self._get_param("architecture")
    return answer


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
    """Add it all to moto."""
    emr = ElasticMapReduceResponse
    IAMRequestBase._check_role_trust_relationship = trusts_the_service
    for function in (
        run_job_flow,
        list_instance_fleets,
        add_instance_fleet,
        modify_instance_fleet,
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
    SecurityGroupRule.__init__ = init_rule
    BudgetsResponse.create_budget = create_budget
    BudgetsResponse.describe_subscribers_for_notification = describe_subscribers_for_notification
    BudgetsResponse.list_tags_for_resource = budget_tags
    ServiceQuotasResponse.get_service_quota = get_service_quota
    FakeBucket.get_permission = get_permission
    EMRServerlessResponse.create_application = create_application
    moto.emrserverless.models.APPLICATION_STATUS = "CREATED"  # what the provider waits for
    moto.emrserverless.models.JOB_STATUS = "SUBMITTED"  # what the step runner looks for
