"""What goes up to the stack's bucket, under names that say their content, and what comes back."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from emr import aws
from emr.errors import EmrError, code, explain
from emr.package import sha256
from emr.stack import Stack

MOST_RESULT_BYTES = 16 * 2**30
LEGACY_REGIONS = {None: "us-east-1", "EU": "eu-west-1"}  # as S3 names a bucket's place


class Storage:
    """The stack's bucket."""

    def __init__(self, stack: Stack) -> None:
        self.bucket = stack.bucket
        self.region = stack.region
        self.readable = (f"s3://{stack.bucket}/data", *stack.data_locations)
        self.s3: Any = stack.client("s3")

    def upload_file(self, path: Path, prefix: str) -> str:
        """Put a file under PREFIX/SHA256/NAME unless it is there already; returns its address."""
        key = f"{prefix}/{sha256(path)}/{path.name}"
        if self._size(key) != path.stat().st_size:
            self._put(path, key)
        return f"s3://{self.bucket}/{key}"

    def upload_folder(self, folder: Path, prefix: str) -> str:
        """Put a folder's files under PREFIX/NAME-DIGEST/; returns that address.

        The digest covers names and contents, so files that are there already, at their full size,
        need not travel again.
        """
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if not files:
            raise EmrError(f"{folder}: no files there")
        digest = hashlib.sha256()
        for path in files:
            digest.update(f"{path.relative_to(folder).as_posix()}\0{sha256(path)}\n".encode())
        target = f"{prefix}/{folder.resolve().name}-{digest.hexdigest()[:16]}"
        there = self._sizes(f"{target}/")
        for path in files:
            key = f"{target}/{path.relative_to(folder).as_posix()}"
            if there.get(key) != path.stat().st_size:
                self._put(path, key)
        return f"s3://{self.bucket}/{target}"

    def download_folder(self, address: str, folder: Path) -> Path:
        """Fetch what is below `address`; the folder takes its name only when all is there."""
        bucket, prefix = split(address)
        sizes = self._sizes(f"{prefix}/", bucket)
        if not sizes:
            raise EmrError(f"{address}: the job left no result there; see its log: make emr-logs")
        if sum(sizes.values()) > MOST_RESULT_BYTES:
            raise EmrError(f"{address}: more than 16 GiB; fetch it with: aws s3 cp --recursive")
        partial = folder.with_name(f".{folder.name}.{os.getpid()}")
        try:
            for key in sizes:
                path = (partial / key.removeprefix(f"{prefix}/")).resolve()
                if key.endswith("/"):
                    continue  # a marker that stands for a folder
                if not path.is_relative_to(partial.resolve()):
                    raise EmrError(f"s3://{bucket}/{key}: its name leads out of {folder}")
                path.parent.mkdir(parents=True, exist_ok=True)
                self.s3.download_file(bucket, key, str(path))
            partial.rename(folder)
        except OSError as error:
            raise EmrError(f"{folder}: can't be written ({error.strerror})") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return folder

    def require_data(self, address: str) -> None:
        """`EmrError` if no job can read a data set there, before a cluster is kept waiting."""
        bucket, prefix = split(address)
        train = f"{prefix}/train/".lstrip("/")
        try:
            place = self.s3.get_bucket_location(Bucket=bucket).get("LocationConstraint")
            answer = self.s3.list_objects_v2(Bucket=bucket, Prefix=train, MaxKeys=1)
        except ClientError as error:
            if code(error) == "NoSuchBucket":
                raise EmrError(f"{address}: there is no bucket {bucket}") from error
            raise
        if not answer.get("KeyCount"):
            raise EmrError(
                f"{address}: no data set there (nothing under train/); make one with: "
                f"ridge-spark import KIND SOURCE --out {address}"
            )
        home = LEGACY_REGIONS.get(place, place)
        if home != self.region:
            raise EmrError(
                f"{address}: the bucket is in {home}, the stack in {self.region}; "
                "copy the data set to a bucket there (aws s3 cp --recursive)"
            )
        wanted = f"{address.rstrip('/')}/"
        if not any(wanted.startswith(f"{each.rstrip('/')}/") for each in self.readable):
            raise EmrError(
                f"{address}: the jobs may not read there; add it to data_locations in "
                "terraform.tfvars, then: make emr-up"
            )

    def _put(self, path: Path, key: str) -> None:
        try:
            self.s3.upload_file(str(path), self.bucket, key)
        except S3UploadFailedError as error:
            cause = error.__context__ or error
            raise EmrError(f"{path}: not uploaded to {self.bucket}: {explain(cause)}") from error

    def _size(self, key: str) -> int | None:
        return self._sizes(key).get(key)

    def _sizes(self, prefix: str, bucket: str | None = None) -> dict[str, int]:
        return _sizes(self.s3, bucket or self.bucket, prefix)


def count(bucket: str, region: str) -> int:
    """Objects in a bucket; none if it is gone."""
    try:
        return len(_sizes(aws.client("s3", region), bucket, ""))
    except ClientError as error:
        if code(error) == "NoSuchBucket":
            return 0
        raise


def _sizes(s3: Any, bucket: str, prefix: str) -> dict[str, int]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {each["Key"]: each["Size"] for page in pages for each in page.get("Contents", [])}


def split(address: str) -> tuple[str, str]:
    """Bucket and prefix of an `s3://` address."""
    if not address.startswith("s3://") or not address[5:].split("/", maxsplit=1)[0]:
        raise EmrError(f"{address}: not an address of the form s3://bucket/prefix")
    bucket, _, prefix = address[5:].partition("/")
    return bucket, prefix.strip("/")
