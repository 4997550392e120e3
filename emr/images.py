"""The data set a job reads: where it is, brought to the bucket if it is not, and its size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from emr import aws
from emr.errors import EmrError
from emr.storage import Storage, split
from ridge_spark.data.dataset import Description
from ridge_spark.errors import InputError

MNIST = Path("data") / "mnist"


def place(data: str | None, storage: Storage) -> str:
    """The `s3://` address of the data set: as given, or uploaded; MNIST where none is given."""
    if data is None:
        from ridge_spark.importing.mnist import import_mnist

        if not MNIST.exists():
            import_mnist(str(MNIST))
        data = str(MNIST)
    if data.startswith("s3://"):
        storage.require_data(data)
        return data.rstrip("/")
    if "://" in data:
        raise EmrError(f"{data}: DATA is a folder or an address of the form s3://bucket/prefix")
    folder = Path(data)
    if not (folder / "train").is_dir():
        raise EmrError(
            f"{folder}: not a data set (no folder train in it); make one with: "
            f"ridge-spark import KIND SOURCE --out {folder}"
        )
    return storage.upload_folder(folder, "data")


def describe(address: str, region: str) -> tuple[int, int]:
    """Pixels of an image, and images to train on, from the footers of the data set's shards."""
    bucket, prefix = split(address)
    filesystem = _filesystem(region)
    folder = "/".join(filter(None, (bucket, prefix, "train")))
    d = rows = 0
    try:
        for shard in filesystem.get_file_info(fs.FileSelector(folder)):
            if shard.path.endswith(".parquet"):
                with filesystem.open_input_file(shard.path) as file:
                    footer = pq.ParquetFile(file).metadata
                d = Description.from_schema(footer.schema.to_arrow_schema(), shard.path).d
                rows += footer.num_rows
    except (OSError, pa.ArrowException, InputError) as error:
        raise EmrError(f"{address}: can't be read ({str(error).splitlines()[0][:200]})") from error
    if not rows:
        raise EmrError(f"{address}: the data set holds no images; import it again")
    return d, rows


def _filesystem(region: str) -> fs.FileSystem:
    """S3 where and as boto3 finds it: Arrow's own SDK does not know every kind of profile."""
    s3 = aws.client("s3", region)
    keys: dict[str, Any] = {}
    credentials = aws.session(region).get_credentials()
    if credentials:
        frozen = credentials.get_frozen_credentials()
        keys = {"access_key": frozen.access_key, "secret_key": frozen.secret_key}
        keys["session_token"] = frozen.token or ""
    return fs.S3FileSystem(
        region=s3.meta.region_name, endpoint_override=s3.meta.endpoint_url, **keys
    )
