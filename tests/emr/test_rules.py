"""Each rule of AWS that was broken once: the stand-ins refuse it, and we don't ask for it."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.emr.models import emr_backends
from moto.emrserverless.models import emrserverless_backends

import emr.submit
from emr import guard, operate
from emr.cluster import Cluster
from emr.errors import EmrError
from emr.follow import follow
from emr.package import ROOT
from emr.serverless import Serverless, environment_options
from emr.stack import Stack
from emr.terraform import summary
from tests.emr import moto_serverless, yarn
from tests.emr.policies import allows
from tests.emr.step_runner import ACCOUNT, NO_WAY_OUT, StepRunner
from tests.emr.tools import REGION, enforced_iam, user_who_may_submit


def last_step(stack: Stack) -> Any:
    return emr_backends[ACCOUNT][REGION].clusters[stack.cluster_id].steps[-1]


def last_run(stack: Stack) -> Any:
    return emrserverless_backends[ACCOUNT][REGION].job_runs[stack.application_id][-1]


# --- YARN -------------------------------------------------------------------------------------


@pytest.mark.parametrize("deploy_mode", ["client", "cluster"])
def test_yarn_has_what_a_job_asks_of_it(stack: Stack, images: Path, deploy_mode: str) -> None:
    emr.submit.submit(stack, "outer", str(images), [], deploy_mode=deploy_mode)
    cluster = emr_backends[ACCOUNT][REGION].clusters[stack.cluster_id]
    command = last_step(stack).args
    assert yarn.refusal(command, cluster, deploy_mode == "cluster") is None
    asked = sum(yarn.memory_of(command, "executor"))
    assert asked <= yarn.maximum_mib(cluster) == 23_424


def test_yarn_refuses_more_than_a_node_has(
    stack: Stack, runner: StepRunner, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three quarters of an m7g.2xlarge less an application master: 128 MiB too many."""
    sizes = replace(stack.sizes, yarn_mib=24_576, steps_at_once=1)
    run_id = emr.submit.submit(replace(stack, sizes=sizes), "outer", str(images), [])
    assert emr.submit.finish(stack, run_id, 0.2, 20) == emr.submit.EXIT_FAILED
    assert "is above the max threshold (23424 MB) of this cluster" in capsys.readouterr().err


# --- EMR Serverless ---------------------------------------------------------------------------


def test_an_image_without_python_3_11_can_t_run_a_job(
    serverless_stack: Stack, runner: StepRunner, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backend = emrserverless_backends[ACCOUNT][REGION]
    backend.applications[serverless_stack.application_id].release_label = "emr-7.14.0"
    run_id = emr.submit.submit(serverless_stack, "outer", str(images), [])
    assert emr.submit.finish(serverless_stack, run_id, 0.2, 20) == emr.submit.EXIT_FAILED
    assert "no python3.11 in this image" in capsys.readouterr().err


def test_a_job_is_told_its_region_and_its_s3(serverless_stack: Stack, endpoint: str) -> None:
    options = environment_options("s3://a/b.tar.gz", "eu-west-1")
    for who in ("spark.emr-serverless.driverEnv.", "spark.executorEnv."):
        assert f"{who}AWS_REGION=eu-west-1" in options
        assert f"{who}AWS_ENDPOINT_URL_S3={endpoint}" in options
        assert f"{who}PYSPARK_PYTHON=./environment/bin/python" in options


def test_nothing_is_looked_up_outside_the_region(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    for region, address in (
        ("us-east-1", "https://s3.us-east-1.amazonaws.com"),
        ("eu-west-1", "https://s3.eu-west-1.amazonaws.com"),
    ):
        options = environment_options("s3://a/b.tar.gz", region)
        assert f"spark.executorEnv.AWS_ENDPOINT_URL_S3={address}" in options


def test_a_job_that_is_told_nothing_of_s3_fails(
    serverless_stack: Stack,
    runner: StepRunner,
    images: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def without(archive: str, region: str) -> list[str]:
        kept = [each for each in environment_options(archive, region) if "AWS_" not in each]
        return [part for i, part in enumerate(kept) if kept[i : i + 2] != ["--conf", "--conf"]]

    monkeypatch.setattr(emr.submit, "environment_options", without)
    run_id = emr.submit.submit(serverless_stack, "outer", str(images), [])
    assert emr.submit.finish(serverless_stack, run_id, 0.2, 20) == emr.submit.EXIT_FAILED
    assert NO_WAY_OUT.strip() in capsys.readouterr().err


@pytest.mark.parametrize("vcpus", [8, 12, 32])
def test_a_worker_fits_beside_the_driver(
    serverless_stack: Stack, images: Path, vcpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the smallest worker has not the memory to keep all of its cores busy."""
    monkeypatch.setattr(emr.submit.images, "describe", lambda *_: (3000, 9_400_000))
    stack = replace(serverless_stack, sizes=replace(serverless_stack.sizes, max_vcpus=vcpus))
    application = emrserverless_backends[ACCOUNT][REGION].applications[stack.application_id]
    application.maximum_capacity = {"cpu": f"{vcpus} vCPU", "memory": f"{vcpus * 8} GB"}
    emr.submit.submit(stack, "outer", str(images), [], minutes=30)
    run = last_run(stack)
    command = ["spark-submit", *run.job_driver["sparkSubmit"]["sparkSubmitParameters"].split()]
    assert moto_serverless.why_it_waits(command, application) is None
    assert run.execution_timeout_minutes == 30


def test_what_never_fits_is_refused_before_anything_is_submitted(
    serverless_stack: Stack, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emr.submit.images, "describe", lambda *_: (784, 100_000_000))
    stack = replace(serverless_stack, sizes=replace(serverless_stack.sizes, max_vcpus=12))
    with pytest.raises(EmrError, match=r"within serverless_max_vcpus 12, has .* to give"):
        emr.submit.submit(stack, "outer", str(images), [])


# --- what runs is not ended by the way --------------------------------------------------------


def plan_that(actions: list[str], kind: str, identifier: str, **more: Any) -> dict[str, Any]:
    change = {"actions": actions, "before": {"id": identifier}, **more}
    return {"resource_changes": [{"type": kind, "change": change}]}


def test_a_cluster_with_steps_is_not_replaced(stack: Stack, images: Path) -> None:
    replaced = plan_that(
        ["delete", "create"],
        "aws_emr_cluster",
        str(stack.cluster_id),
        replace_paths=[["configurations_json"], ["ebs_root_volume_size"]],
    )
    guard.require_idle(replaced, REGION, force=False)
    run_id = emr.submit.submit(stack, "outer", str(images), [])
    said = rf"at work on {run_id}, and this would end it \(changed: configurations_json, ebs_root"
    with pytest.raises(EmrError, match=rf"{said}.* FORCE=1"):
        guard.require_idle(replaced, REGION, force=False)
    guard.require_idle(replaced, REGION, force=True)
    for harmless in (["no-op"], ["update"]):
        change = plan_that(harmless, "aws_emr_cluster", str(stack.cluster_id))
        guard.require_idle(change, REGION, force=False)
    last_step(stack).state = "COMPLETED"
    guard.require_idle(replaced, REGION, force=False)


def test_an_ending_cluster_is_waited_for(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = emr_backends[ACCOUNT][REGION].clusters[stack.cluster_id]
    cluster.state = "TERMINATING"
    with pytest.raises(EmrError, match="not ended after 0 minutes; run this again later"):
        guard.await_ending(stack.cluster_id, REGION, poll=0.01, most=0)
    gone = threading.Timer(0.3, lambda: setattr(cluster, "state", "TERMINATED"))
    gone.start()
    guard.await_ending(stack.cluster_id, REGION, poll=0.05)
    assert cluster.state == "TERMINATED"
    assert "is still ending; waiting until it is gone" in capsys.readouterr().err
    guard.await_ending(stack.cluster_id, REGION)
    guard.await_ending("j-NOTHERE", REGION)
    guard.await_ending(None, REGION)
    assert "still ending" not in capsys.readouterr().err


@pytest.fixture
def started(serverless_stack: Stack, images: Path) -> tuple[Stack, Any]:
    """An application that a job has started and that is idle now, for half an hour."""
    emr.submit.submit(serverless_stack, "outer", str(images), [])
    return serverless_stack, last_run(serverless_stack)


def test_an_application_is_up_after_a_job_and_aws_refuses_to_delete_it(
    started: tuple[Stack, Any],
) -> None:
    stack, run = started
    run.state = "SUCCESS"
    serverless = boto3.client("emr-serverless", region_name=REGION)
    for call in (serverless.delete_application, serverless.update_application):
        with pytest.raises(ClientError, match="must be in one of the following statuses"):
            call(applicationId=stack.application_id, **extra(call))


def extra(call: Any) -> dict[str, str]:
    return {"clientToken": "a"} if "update" in call.__name__ else {}


@pytest.mark.parametrize("actions", [["update"], ["delete"], ["delete", "create"]])
def test_an_application_is_stopped_before_it_is_changed(
    started: tuple[Stack, Any], actions: list[str]
) -> None:
    stack, run = started
    run.state = "SUCCESS"
    plan = plan_that(actions, "aws_emrserverless_application", str(stack.application_id))
    guard.prepare_application(plan, REGION, force=False)
    serverless = boto3.client("emr-serverless", region_name=REGION)
    serverless.delete_application(applicationId=stack.application_id)


def test_an_application_with_jobs_is_changed_only_by_force(started: tuple[Stack, Any]) -> None:
    stack, run = started
    plan = plan_that(["update"], "aws_emrserverless_application", str(stack.application_id))
    with pytest.raises(EmrError, match=rf"at work on {run.id}, .* FORCE=1"):
        guard.prepare_application(plan, REGION, force=False)
    with pytest.raises(ClientError, match="has active job runs"):
        boto3.client("emr-serverless", region_name=REGION).stop_application(
            applicationId=stack.application_id
        )
    guard.prepare_application(plan, REGION, force=True)
    assert run.state == "CANCELLED"
    assert Serverless(stack).summary().split(": ")[1].startswith("STOPPED")
    guard.stop_application("0nothere", REGION)


class FlakyTerraform:
    """Fails to apply with the answers it is given, in turn."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.calls: list[str] = []

    def plan(self, variables: dict[str, str]) -> None:
        self.calls.append(f"plan {variables}")

    def apply_planned(self) -> None:
        self.calls.append("apply")
        if self.answers:
            raise EmrError(self.answers.pop(0))


def test_a_role_that_aws_does_not_know_yet_is_tried_once_more() -> None:
    answer = f"https response error StatusCode: 400, RequestID: {'0' * 36}, api error Access"
    late = summary(
        f"Error: running EMR Job Flow (ridge-spark): operation error EMR: RunJobFlow, {answer}"
        "DeniedException: Failed to authorize instance profile arn:aws:iam::1:instance-profile/a\n"
    )
    terraform = FlakyTerraform(late)
    operate._apply(terraform, "cluster")  # type: ignore[arg-type]
    assert terraform.calls == ["apply", "plan {'target': 'cluster'}", "apply"]
    for answers in ((late, late), ("VcpuLimitExceeded",)):
        terraform = FlakyTerraform(*answers)
        with pytest.raises(EmrError, match=re.escape(answers[-1])):
            operate._apply(terraform, None)  # type: ignore[arg-type]
        assert terraform.calls.count("apply") == len(answers)


# --- permissions ------------------------------------------------------------------------------


def test_who_may_submit_may_on_this_stack_only(
    stack: Stack,
    serverless_stack: Stack,
    endpoint: str,
    images: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    emr_client = boto3.client("emr", region_name=REGION)
    other_cluster = emr_client.run_job_flow(
        Name="other",
        ReleaseLabel="emr-7.14.0",
        Instances={"KeepJobFlowAliveWhenNoSteps": True},
        Tags=[{"Key": "Project", "Value": "other"}],
    )["JobFlowId"]
    other_application = boto3.client("emr-serverless", region_name=REGION).create_application(
        name="other", releaseLabel="emr-spark-8.1.0", type="SPARK", clientToken=stack.name + "o"
    )["applicationId"]
    emr.submit.submit(stack, "outer", str(images), [])  # the code and the data are there
    for name, value in user_who_may_submit(stack.name).items():
        monkeypatch.setenv(name, value)
    with enforced_iam(endpoint):
        for ours in (stack, serverless_stack):
            target = emr.submit.target_of(ours)
            run_id = emr.submit.submit(ours, "outer", str(images), [])
            assert [run.run_id for run in target.recent()][:1] == [run_id]
            target.cancel(run_id)
        for theirs in (
            replace(stack, cluster_id=other_cluster),
            replace(serverless_stack, application_id=other_application),
        ):
            with pytest.raises(ClientError, match="not authorized"):
                emr.submit.submit(theirs, "outer", str(images), [])
            with pytest.raises(ClientError, match="not authorized"):
                emr.submit.target_of(theirs).recent()


def test_the_policy_lets_nobody_take_a_run_s_tag_for_another_stack() -> None:
    policy = json.loads((ROOT / "docs" / "emr-submit-policy.json").read_text())
    run = "arn:aws:emr-serverless:us-east-1:123456789012:/applications/0a/jobruns/0b"
    for tag, allowed in (("ridge-spark", True), ("other", False)):
        context = {"aws:RequestTag/Project": tag}
        assert allows([policy], "emr-serverless:TagResource", run, context) == allowed
        assert not allows([policy], "emr-serverless:CancelJobRun", run, context)


# --- several jobs at once ---------------------------------------------------------------------


def test_two_jobs_run_at_once_and_their_names_tell_them_apart(
    stack: Stack, runner: StepRunner, images: Path
) -> None:
    both = [
        emr.submit.submit(stack, "inner", str(images), [], label=label) for label in ("a", "b.2")
    ]
    first, second = (follow(Cluster(stack), run_id, 0.2) for run_id in both)
    assert (first.state, second.state) == ("COMPLETED", "COMPLETED")
    assert first.name.startswith("inner-a-")
    assert second.name.startswith("inner-b.2-")
    assert first.started
    assert second.started
    assert first.ended
    assert second.started < first.ended
    with pytest.raises(EmrError, match="NAME a b: up to 40 letters"):
        emr.submit.submit(stack, "inner", str(images), [], label="a b")
