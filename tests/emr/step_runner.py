"""Plays the nodes of EMR: takes steps out of moto and really runs their spark-submit here.

What a node does, this does: it runs the cluster's own bootstrap action into an environment of its
own, runs the command line of a step under the job role's credentials, puts the output where EMR
puts logs, and sets the state. Only the `s3://` addresses that spark-submit itself opens are fetched
beforehand, as EMR's Spark would; the job's `--data` and `--out` go to S3 through the job's code.
What YARN, EMR Serverless or a private network would refuse, this refuses: RULES.md lists it.
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import shlex
import signal
import subprocess
import tarfile
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from moto.core.utils import utcnow
from moto.emr.models import emr_backends
from moto.emrserverless.models import emrserverless_backends

from tests.emr import yarn
from tests.emr.moto_account import SERVICE_USER
from tests.emr.moto_serverless import why_it_waits
from tests.support import JAVA

ACCOUNT = "123456789012"
JOB_SECONDS = 240
OPTIONS_WITH_FILES = ("--py-files", "--files", "--archives")
S3_OF_THE_REGION = "AWS_ENDPOINT_URL_S3"
# What Arrow says where it has to ask S3's global address for a bucket's region.
NO_WAY_OUT = (
    "ridge-spark: error: When resolving region for bucket: AWS Error NETWORK_CONNECTION during "
    f"HeadBucket operation: {S3_OF_THE_REGION} names no S3 that this network reaches\n"
)


@dataclass
class StepRunner:
    """Runs steps and serverless jobs until it is stopped.

    endpoint    of the moto server
    spark_home  the Spark to run: its version is the "release" of the cluster
    scratch     where nodes keep their files
    home        of the nodes' user: one for all, so that the kernel is compiled once
    aws         folder with the `aws` command, for the bootstrap action
    python      of a node that was prepared beforehand; without it the bootstrap action is run
    """

    endpoint: str
    spark_home: Path
    scratch: Path
    home: Path
    aws: Path
    python: Path | None = None
    region: str = "us-east-1"
    logs: threading.Event = field(default_factory=threading.Event)  # delivered once it is set
    ran: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.logs.set()
        self._stop = threading.Event()
        self._nodes: dict[str, Path] = {}
        self._environments: dict[str, Path] = {}
        self._threads: list[threading.Thread] = []
        self._bootstrapping = threading.Lock()
        self._folders = itertools.count()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._session = boto3.Session(*_administrator(self.endpoint), region_name=self.region)
        self.s3 = self._session.client("s3", endpoint_url=self.endpoint)

    def __enter__(self) -> StepRunner:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(JOB_SECONDS)
        for thread in self._threads:
            thread.join(JOB_SECONDS)

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            for cluster in list(emr_backends[ACCOUNT][self.region].clusters.values()):
                if cluster.state not in ("TERMINATED", "TERMINATED_WITH_ERRORS"):
                    self._start_steps(cluster)
            applications = emrserverless_backends[ACCOUNT][self.region]
            for runs in list(applications.job_runs.values()):
                for run in runs:
                    if run.state == "SUBMITTED":
                        run.state = "RUNNING"
                        self._at_work(self._run_serverless, run)

    def _at_work(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    # --- a step of a cluster ------------------------------------------------------------------

    def _start_steps(self, cluster: Any) -> None:
        """As many at once as the cluster's StepConcurrencyLevel allows."""
        at_work = sum(step.state == "RUNNING" for step in cluster.steps)
        waiting = [step for step in cluster.steps if step.state == "PENDING"]
        for step in waiting[: max(0, cluster.step_concurrency_level - at_work)]:
            step.state, step.start_date_time = "RUNNING", utcnow()
            self._at_work(self._run_step, cluster, step)

    def _run_step(self, cluster: Any, step: Any) -> None:
        python = self.python or self._bootstrapped(cluster)
        command = list(step.args)
        self.ran.append(list(step.args))
        application = f"application_{os.getpid()}_{len(self.ran):04d}"
        folder = self._new_folder()
        in_cluster_mode = _take(command, "--deploy-mode") == "cluster"
        refused = yarn.refusal(command, cluster, in_cluster_mode)
        if refused is None and not _reaches_s3(_spark_environment(cluster.configurations)):
            refused = NO_WAY_OUT
        status, out, err = (
            (1, "", refused)
            if refused
            else self._spark_submit(
                command, folder, python, _role_of(cluster.role), lambda: step.state
            )
        )
        step.end_date_time = utcnow()
        if step.state == "RUNNING":
            step.state = "COMPLETED" if status == 0 else "FAILED"
            if status:
                step.last_state_change_reason = "Unknown Error."
        logs = f"{cluster.log_uri}{cluster.id}/"  # which arrive after the state is told
        if in_cluster_mode:
            self._put_log(f"{logs}containers/{application}/container_1_1_01_000001/", out, err)
            out, err = "", f"Submitted {application} with deployMode=cluster\n"
        self._put_log(f"{logs}steps/{step.id}/", out, err)

    def _bootstrapped(self, cluster: Any) -> Path:
        """The Python of the cluster's node, made by the cluster's own bootstrap action."""
        with self._bootstrapping:
            if cluster.id not in self._nodes:
                self._nodes[cluster.id] = self._bootstrap(cluster)
            return self._nodes[cluster.id]

    def _bootstrap(self, cluster: Any) -> Path:
        (action,) = cluster.bootstrap_actions
        folder = self._new_folder()
        script = self._fetch(action.script_path, folder)
        prefix = folder / "opt" / "ridge-spark"
        prefix.parent.mkdir()
        done = subprocess.run(
            ["bash", script, *action.args, str(prefix)],
            env=_without_region(self._environment(_role_of(cluster.role))),
            capture_output=True,
            text=True,
            timeout=JOB_SECONDS,
            check=False,
        )
        logs = f"{cluster.log_uri}{cluster.id}/node/i-1/bootstrap-actions/1/"
        self._put_log(logs, done.stdout, done.stderr)
        if done.returncode:
            raise RuntimeError(f"bootstrap failed: {done.stdout}{done.stderr}")
        return prefix / "bin" / "python"

    # --- a job of EMR Serverless --------------------------------------------------------------

    def _run_serverless(self, run: Any) -> None:
        driver = run.job_driver["sparkSubmit"]
        command = [
            "spark-submit",
            *shlex.split(driver["sparkSubmitParameters"]),
            driver["entryPoint"],
            *driver["entryPointArguments"],
        ]
        self.ran.append(list(command))
        backend = emrserverless_backends[ACCOUNT][self.region]
        waits = why_it_waits(command, backend.get_application(run.application_id))
        if waits:
            minutes = run.execution_timeout_minutes
            run.state, run.state_details = "FAILED", f"Ended after {minutes} minutes: {waits}"
            return
        folder = self._new_folder()
        status, out, err = self._run_in_the_image(command, folder, run)
        monitoring = run.configuration_overrides["monitoringConfiguration"]
        logs = monitoring["s3MonitoringConfiguration"]["logUri"]
        path = f"{logs}applications/{run.application_id}/jobs/{run.id}/SPARK_DRIVER/"
        self._put_log(path, out, err)
        if run.state == "RUNNING":
            run.state = "SUCCESS" if status == 0 else "FAILED"
        run.billed_resource_utilization["vCPUHour"] = 0.25
        run.updated_at = utcnow()

    def _run_in_the_image(self, command: list[str], folder: Path, run: Any) -> tuple[int, str, str]:
        """Nothing there but what the release's image and the job bring: no region, no Python."""
        if run.release_label.startswith("emr-7."):
            return 127, "", "no python3.11 in this image: it has Python 3.9\n"
        settings = dict(each.split("=", 1) for each in command if each.startswith("spark."))
        driver, executor = (
            {
                name.removeprefix(prefix): value
                for name, value in settings.items()
                if name.startswith(prefix)
            }
            for prefix in ("spark.emr-serverless.driverEnv.", "spark.executorEnv.")
        )
        if not _reaches_s3(driver) or not _reaches_s3(executor):
            return 1, "", NO_WAY_OUT
        python = self._unpacked_environment(command, folder)
        return self._spark_submit(command, folder, python, run.execution_role, lambda: run.state)

    def _unpacked_environment(self, command: list[str], folder: Path) -> Path:
        """Unpack `spark.archives` and find the Python the job asks for.

        Once for all jobs with the same archive: an executor of its own would unpack it again.
        """
        pairs = [each.split("=", 1) for each in command if each.startswith("spark.")]
        settings = dict(pairs)
        address, _, name = settings["spark.archives"].partition("#")
        at = command.index(f"spark.archives={settings['spark.archives']}")
        del command[at - 1 : at + 1]
        if address not in self._environments:
            with tarfile.open(self._fetch(address, folder)) as archive:
                archive.extractall(folder / name, filter="data")
            self._environments[address] = folder
        wanted = settings["spark.emr-serverless.driverEnv.PYSPARK_PYTHON"]
        assert wanted == settings["spark.executorEnv.PYSPARK_PYTHON"]
        return self._environments[address] / wanted

    # --- both ---------------------------------------------------------------------------------

    def _spark_submit(
        self, command: list[str], folder: Path, python: Path, role: str, state: Any
    ) -> tuple[int, str, str]:
        """Run it; ends early when the state becomes CANCELLED."""
        assert command[0] == "spark-submit", command
        for i, part in enumerate(command):
            first_argument = command[i - 1] in OPTIONS_WITH_FILES or part.endswith(".py")
            if part.startswith("s3://") and first_argument:
                command[i] = self._fetch(part, folder)
        environment = self._environment(role)
        environment["SPARK_HOME"] = str(self.spark_home)
        environment["SPARK_CONF_DIR"] = str(self._configuration(folder))
        environment["PYSPARK_PYTHON"] = environment["PYSPARK_DRIVER_PYTHON"] = str(python)
        command[0] = str(self.spark_home / "bin" / "spark-submit")
        out, err = folder / "stdout", folder / "stderr"
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            process = subprocess.Popen(
                command, env=environment, cwd=folder, stdout=stdout, stderr=stderr,
                start_new_session=True,
            )  # fmt: skip
            for _ in range(JOB_SECONDS * 10):
                if process.poll() is not None:
                    break
                if state() == "CANCELLED" or self._stop.wait(0.1):
                    break
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return process.returncode, out.read_text(), err.read_text()

    def _configuration(self, folder: Path) -> Path:
        """The cluster's spark-defaults, as far as one machine can follow them."""
        made = folder / "conf"
        made.mkdir()
        (made / "spark-defaults.conf").write_text("spark.master local[2]\nspark.ui.enabled false\n")
        return made

    def _environment(self, role: str) -> dict[str, str]:
        """Nothing of this process's but what a node has: its path, its role's credentials."""
        sts = self._session.client("sts", endpoint_url=self.endpoint)
        granted = sts.assume_role(RoleArn=role, RoleSessionName="node")["Credentials"]
        environment = {
            "PATH": f"{self.aws}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": granted["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": granted["SecretAccessKey"],
            "AWS_SESSION_TOKEN": granted["SessionToken"],
            "SPARK_LOCAL_IP": "127.0.0.1",
            "LC_ALL": "C.UTF-8",  # as the cluster's spark-env has it
            "PIP_COMPILE": os.environ["PIP_COMPILE"],
            **JAVA,
        }
        java = os.environ.get("JAVA_HOME")
        return {**environment, "JAVA_HOME": java} if java else environment

    def _fetch(self, address: str, folder: Path) -> str:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        path = folder / key.rsplit("/", 1)[-1]
        self.s3.download_file(bucket, key, str(path))
        return str(path)

    def _put_log(self, address: str, out: str, err: str) -> None:
        while not self.logs.wait(0.05) and not self._stop.is_set():
            pass
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        for name, text in (("stdout", out), ("stderr", err)):
            body = gzip.compress(text.encode())
            self.s3.put_object(Bucket=bucket, Key=f"{prefix}{name}.gz", Body=body)

    def _new_folder(self) -> Path:
        folder = self.scratch / f"run-{next(self._folders)}"
        folder.mkdir()
        return folder


def _administrator(endpoint: str) -> tuple[str, str]:
    """A key that may do everything even while moto enforces IAM: EMR itself, so to speak."""
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    iam = session.client("iam", endpoint_url=endpoint)
    name = f"{SERVICE_USER}{uuid.uuid4().hex}"
    iam.create_user(UserName=name)
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    document = json.dumps({"Version": "2012-10-17", **everything})
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _take(command: list[str], option: str) -> str | None:
    """Remove an option and its value from a command line; returns the value."""
    if option not in command:
        return None
    i = command.index(option)
    value = command[i + 1]
    del command[i : i + 2]
    return value


def _spark_environment(configurations: list[dict[str, Any]]) -> dict[str, str]:
    """What the cluster's spark-env exports to the driver."""
    exported: dict[str, str] = {}
    for each in configurations:
        if each["Classification"] == "spark-env":
            for inner in each.get("Configurations", []):
                exported |= inner["Properties"]
    return exported


def _reaches_s3(environment: dict[str, str]) -> bool:
    """Both the region and the address of S3 in it are told, so that nothing has to be looked up."""
    return {"AWS_REGION", S3_OF_THE_REGION} <= environment.keys()


def _without_region(environment: dict[str, str]) -> dict[str, str]:
    """A bootstrap action's environment: EMR exports no region there."""
    return {name: value for name, value in environment.items() if "_REGION" not in name}


def _role_of(profile: str) -> str:
    """The role of the cluster's instance profile, which has its name."""
    return f"arn:aws:iam::{ACCOUNT}:role/{profile.rsplit('/', 1)[-1]}"
