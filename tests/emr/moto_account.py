"""The account as AWS enforces it: who may do what to which cluster, budgets, quotas, buckets."""

from __future__ import annotations

import json
import re
from typing import Any

from moto.budgets.responses import BudgetsResponse
from moto.core.responses import ActionResult
from moto.emr.models import emr_backends
from moto.emrserverless.models import emrserverless_backends
from moto.iam.access_control import IAMPolicy, IAMRequestBase, PermissionResult
from moto.iam.responses import IamResponse
from moto.s3.models import FakeBucket
from moto.servicequotas.responses import ServiceQuotasResponse

from tests.emr.policies import allows

SERVICE_USER = "emr-"  # what the name of a user starts with that plays the EMR service
quota_vcpus = {"value": 640.0}

# --- permissions ------------------------------------------------------------------------------

_check_action_permitted = IAMRequestBase.check_action_permitted


def check_action_permitted(self: Any, resource: str) -> None:
    """EMR's calls with the resource they touch and its tags; moto itself asks for any resource."""
    found = _emr_resource(self)
    if found is None:
        _check_action_permitted(self, resource)
        return
    arn, context = found
    policies = self._access_key.collect_policies()
    documents = [IAMPolicy(each)._policy_json for each in policies]
    actions = [self._action]
    if "aws:RequestTag/Project" in context:
        actions.append("emr-serverless:TagResource")
    for action in actions:
        where = f"{arn}/jobruns/new" if action.endswith(":TagResource") else arn
        if not allows(documents, action, where, context):
            self._raise_access_denied()


def simulate_principal_policy(self: Any) -> Any:
    """IAM's own simulation, of the policies of a user and for the context that is given."""
    user = self._get_param("PolicySourceArn").rsplit("/", 1)[-1]
    documents = [
        json.loads(self.backend.get_user_policy(user, name)["policy_document"])
        for name in self.backend.list_user_policies(user)
    ]
    entries = self._get_param("ContextEntries", [])
    context = {each["ContextKeyName"]: each["ContextKeyValues"][0] for each in entries}
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": "allowed"
            if allows(documents, action, resource, context)
            else "implicitDeny",
        }
        for action in self._get_param("ActionNames")
        for resource in self._get_param("ResourceArns", ["*"])
    ]
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})


_check_signature = IAMRequestBase.check_signature


def check_signature(self: Any) -> None:
    """moto leaves the query out of what it signs, and EMR Serverless lists by queries."""
    if self._service != "emr-serverless":
        _check_signature(self)


def _emr_resource(request: Any) -> tuple[str, dict[str, str]] | None:
    """The cluster, application or run that a request is about, and what conditions may look at."""
    body = json.loads(request._body or b"{}") if request._service.startswith("e") else {}
    if request._service == "elasticmapreduce":
        cluster_id = body.get("ClusterId") or body.get("JobFlowId")
        if not cluster_id:
            return None
        arn = (
            f"arn:aws:elasticmapreduce:{request._region}:{request.account_id}:cluster/{cluster_id}"
        )
        cluster = emr_backends[request.account_id][request._region].clusters.get(cluster_id)
        return arn, _tags("elasticmapreduce", getattr(cluster, "_tags", {}))
    path = re.search(r"/applications/(\w+)(?:/jobruns(?:/(\w+))?)?", request._path)
    if request._service != "emr-serverless" or not path:
        return None
    backend = emrserverless_backends[request.account_id][request._region]
    application_id, run_id = path.groups()
    arn = f"arn:aws:emr-serverless:{request._region}:{request.account_id}:{path[0]}"
    if run_id:
        runs = backend.job_runs.get(application_id, [])
        tags = next((run.tags for run in runs if run.id == run_id), None)
        return arn, _tags("aws", tags or {})
    application = backend.applications.get(application_id)
    context = _tags("aws", getattr(application, "tags", {}))
    if request._action.endswith(":StartJobRun"):
        context |= {f"aws:RequestTag/{key}": each for key, each in body.get("tags", {}).items()}
    return arn.removesuffix("/jobruns"), context


def _tags(prefix: str, tags: dict[str, str]) -> dict[str, str]:
    both = {prefix, "aws"}
    return {f"{each}:ResourceTag/{key}": value for each in both for key, value in tags.items()}


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


def install() -> None:
    IAMRequestBase.check_action_permitted = check_action_permitted
    IAMRequestBase.check_signature = check_signature
    IAMRequestBase._check_role_trust_relationship = trusts_the_service
    IamResponse.simulate_principal_policy = simulate_principal_policy
    BudgetsResponse.create_budget = create_budget
    BudgetsResponse.describe_subscribers_for_notification = describe_subscribers_for_notification
    BudgetsResponse.list_tags_for_resource = budget_tags
    ServiceQuotasResponse.get_service_quota = get_service_quota
    FakeBucket.get_permission = get_permission
