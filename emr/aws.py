"""boto3 set up as Terraform is: the same region, the same credentials, patient with throttling."""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import NoRegionError

TRIES = 10  # each later than the last: a throttled call is not a failed one


def session(region: str | None = None) -> boto3.Session:
    """A session with credentials read afresh.

    The region is the one given, else that of AWS_REGION, which boto3 does not look at, else that
    of AWS_DEFAULT_REGION or the profile; `NoRegionError` if there is none.
    """
    found = boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None)
    if not found.region_name:
        raise NoRegionError
    return found


def s3_address(region: str) -> str:
    """The address of S3 for a node: that of its own region, or the one this machine was given.

    A bucket's region is otherwise asked of the global address, which a private network can't reach.
    """
    config = Config(s3={"us_east_1_regional_endpoint": "regional"})
    return str(session(region).client("s3", config=config).meta.endpoint_url)


def client(service: str, region: str | None = None, tries: int = TRIES) -> Any:
    retries = {"mode": "standard", "total_max_attempts": tries}
    config = Config(retries=retries, connect_timeout=10)
    return session(region).client(service, config=config)
