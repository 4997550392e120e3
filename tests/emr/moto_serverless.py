"""EMR Serverless as AWS enforces it: states, releases, worker sizes, and what a run is billed."""

from __future__ import annotations

import re
import shlex
from typing import Any

import moto.emrserverless.models
from moto.emrserverless.exceptions import ValidationException
from moto.emrserverless.models import EMRServerlessBackend
from moto.emrserverless.responses import EMRServerlessResponse

from tests.emr import yarn

RELEASES = re.compile(r"emr-[67]\.\d{1,2}\.\d|emr-spark-8\.\d{1,2}\.\d")
ACTIVE = {"SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED", "CANCELLING"}
# vCPUs: least and most GB. EMR Serverless User Guide, "Supported worker configurations".
WORKERS = {1: (2, 8), 2: (4, 16), 4: (8, 30), 8: (16, 60), 16: (32, 120)}

_create_application = EMRServerlessResponse.create_application


def create_application(self: Any) -> Any:
    """moto's own check of the release knows no emr-spark-8.x."""
    label = self._get_param("releaseLabel")
    if not RELEASES.fullmatch(label):
        raise ValidationException(f"release label '{label}' does not exist")
    given = self._get_param

    def asked(name: str, default: Any = None) -> Any:
        return "emr-7.13.0" if name == "releaseLabel" else given(name, default)

    self._get_param = asked
    answer = _create_application(self)
    made = self.emrserverless_backend.get_application(answer.result["applicationId"])
    made.release_label = label
    made.architecture = given("architecture")
    return answer


_start_job_run = EMRServerlessBackend.start_job_run


def start_job_run(self: Any, application_id: str, **kwargs: Any) -> Any:
    """Submitting starts the application, which stays up for its idle time."""
    application = self.get_application(application_id)
    _refuse_sizes_that_do_not_exist(kwargs["job_driver"]["sparkSubmit"])
    run = _start_job_run(self, application_id=application_id, **kwargs)
    application.state = "STARTED"
    return run


def _refuse_sizes_that_do_not_exist(driver: dict[str, Any]) -> None:
    command = shlex.split(driver["sparkSubmitParameters"])
    for who in ("driver", "executor"):
        vcpus, mib = worker_of(command, who)
        least, most = WORKERS.get(vcpus, (0, 0))
        if not least * 1024 <= mib <= most * 1024:
            raise ValidationException(f"no worker has {vcpus} vCPUs and {mib} MB for the {who}")


def worker_of(command: list[str], who: str) -> tuple[int, int]:
    """The vCPUs and the memory in MB that a command line asks for."""
    settings = dict(part.split("=", 1) for part in command if part.startswith("spark."))
    cores = settings.get(f"spark.{who}.cores", "4")
    if f"--{who}-cores" in command:
        cores = command[command.index(f"--{who}-cores") + 1]
    vcpus = next((each for each in WORKERS if each >= int(cores)), 0)
    return vcpus, sum(yarn.memory_of(command, who))


def why_it_waits(command: list[str], application: Any) -> str | None:
    """Why the first executor never starts beside the driver; None if it does."""
    limit = application.maximum_capacity or {"cpu": "400 vCPU", "memory": "3000 GB"}
    most_vcpus, most_gb = (int(limit[name].split()[0]) for name in ("cpu", "memory"))
    workers = [worker_of(command, who) for who in ("driver", "executor")]
    vcpus, mib = (sum(each) for each in zip(*workers, strict=True))
    if vcpus <= most_vcpus and mib <= most_gb * 1024:
        return None
    return f"{vcpus} vCPUs and {mib} MB exceed the maximum capacity of the application"


_stop_application = EMRServerlessBackend.stop_application


def stop_application(self: Any, application_id: str) -> None:
    if any(run.state in ACTIVE for run in self.job_runs.get(application_id, [])):
        raise ValidationException(f"Application {application_id} has active job runs.")
    _stop_application(self, application_id)


_list_job_runs = EMRServerlessBackend.list_job_runs


def list_job_runs(self: Any, application_id: str, *args: Any, **kwargs: Any) -> Any:
    self.get_application(application_id)
    self.job_runs.setdefault(application_id, [])
    return _list_job_runs(self, application_id, *args, **kwargs)


def install() -> None:
    EMRServerlessResponse.create_application = create_application
    EMRServerlessBackend.start_job_run = start_job_run
    EMRServerlessBackend.stop_application = stop_application
    EMRServerlessBackend.list_job_runs = list_job_runs
    moto.emrserverless.models.APPLICATION_STATUS = "CREATED"  # what the provider waits for
    moto.emrserverless.models.JOB_STATUS = "SUBMITTED"  # what the step runner looks for
