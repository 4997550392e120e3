"""boto3 set up as Terraform is: the same region, the same credentials, patient with throttling."""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import NoRegionError

# Ten tries, each later than the last: a throttled call is not a failed one.
PATIENT = Config(retries={"mode": "standard", "max_attempts": 10}, connect_timeout=10)


def session(region: str | None = None) -> boto3.Session:
    """A session with credentials read afresh.

    The region is the one given, else that of AWS_REGION, which boto3 does not look at, else that
    of AWS_DEFAULT_REGION or the profile; `NoRegionError` if there is none.
    """
    found = boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None)
    if not found.region_name:
        raise NoRegionError
    return found


def client(service: str, region: str | None = None) -> Any:
    return session(region).client(service, config=PATIENT)
