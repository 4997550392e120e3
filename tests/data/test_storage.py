"""Data sets and runs live in an object store as they do on disk: a real S3 server on loopback."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3
import numpy as np
import pytest
from botocore.config import Config

from tests.support import assert_refused, draw_images


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of an S3 server that holds nothing but a bucket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("s3") / "log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def on_s3(server, environment):
    """An environment whose S3 is the server's."""
    return {
        **environment,
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture
def bucket(server, request):
    client = boto3.client(
        "s3", endpoint_url=server, region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test", config=Config(proxies={}),
    )  # fmt: skip
    name = f"bucket-{abs(hash(request.node.name))}"
    client.create_bucket(Bucket=name)

    def keys():
        return sorted(o["Key"] for o in client.list_objects_v2(Bucket=name).get("Contents", ())
                      if not o["Key"].endswith("/"))  # fmt: skip

    keys.client, keys.bucket = client, name
    return keys


@pytest.fixture
def source(tmp_path):
    """An .npz file of a few images."""
    images, labels = draw_images(5000, 30, 3)
    test_images, test_labels = draw_images(400, 30, 3, seed=2)
    np.savez(tmp_path / "few.npz", x_train=images.reshape(-1, 6, 5), y_train=labels,
             x_test=test_images.reshape(-1, 6, 5), y_test=test_labels)  # fmt: skip
    return tmp_path / "few.npz"


def test_import_train_and_evaluate_there(ridge_spark, on_s3, bucket, source, tmp_path):
    data = f"s3://{bucket.bucket}/some/data"
    done = ridge_spark("import", "npz", source, "--out", data, env=on_s3)
    assert done.returncode == 0, done.stderr
    assert [re.sub(r"\.[0-9a-f.]+\.parquet$", ".parquet", key) for key in bucket()] == [
        "some/data/manifest.json",
        "some/data/test/part-00000.parquet",
        "some/data/train/part-00000.parquet",
    ]

    out = f"s3://{bucket.bucket}/runs/a"
    done = ridge_spark("train", "--data", data, "--out", out, "--json", env=on_s3)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["n_train"], result["n_test"]) == (5000, 400)
    assert [key for key in bucket() if key.startswith("runs")] == [
        "runs/a/manifest.json", "runs/a/model.safetensors", "runs/a/report.html",
        "runs/a/result.json", "runs/a/statistics.safetensors",
    ]  # fmt: skip

    assert ridge_spark("import", "npz", source, "--out", "data").returncode == 0
    done = ridge_spark("train", "--data", "data", "--out", "run", "--json")
    here = json.loads(done.stdout)
    for key in ("statistics_sha256", "model_sha256", "confusion", "validation_accuracy"):
        assert here[key] == result[key]


def test_a_slash_at_the_end_changes_nothing(ridge_spark, on_s3, bucket, source):
    data = f"s3://{bucket.bucket}/data"
    assert ridge_spark("import", "npz", source, "--out", data, env=on_s3).returncode == 0
    done = ridge_spark("train", "--data", f"{data}/", "--out", "run", "--json", env=on_s3)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_test"] == 400


def test_nothing_there_is_ever_replaced(ridge_spark, on_s3, bucket, source):
    out = f"s3://{bucket.bucket}/data"
    assert ridge_spark("import", "npz", source, "--out", out, env=on_s3).returncode == 0
    before = bucket()
    for command in (("import", "npz", source), ("train", "--data", out)):
        assert_refused(ridge_spark(*command, "--out", out, env=on_s3), out, "exists already")
    assert bucket() == before


def test_an_import_that_fails_leaves_nothing_there(ridge_spark, on_s3, bucket, source):
    cut = source.with_name("cut.npz")
    images, labels = draw_images(400_000, 30, 3)
    np.savez(cut, images=images.reshape(-1, 6, 5), labels=labels)
    content = bytearray(cut.read_bytes())
    content[len(content) // 3] ^= 1
    cut.write_bytes(content)
    done = ridge_spark("import", "npz", cut, "--out", f"s3://{bucket.bucket}/data", env=on_s3)
    assert_refused(done, "cut.npz")
    assert bucket() == []


def test_what_is_not_there_is_named(ridge_spark, on_s3, bucket, source):
    missing = f"s3://{bucket.bucket}/nothing"
    done = ridge_spark("train", "--data", missing, "--out", "run", env=on_s3)
    assert_refused(done, missing, "not a data set")


@pytest.mark.parametrize("command", ["import", "train"])
def test_a_bucket_that_does_not_exist_is_named(ridge_spark, on_s3, small_data, source, command):
    given = {"import": ("npz", source), "train": ("--data", small_data)}[command]
    out = "s3://no-such-bucket-here/out"
    assert_refused(ridge_spark(command, *given, "--out", out, env=on_s3), out)


@pytest.mark.parametrize("address", ["nowhere://a/b", "s3://", "s3://UPPER_CASE!/x"])
def test_an_address_that_is_none_is_named(ridge_spark, on_s3, address):
    done = ridge_spark("train", "--data", address, "--out", "run", env=on_s3)
    assert_refused(done, address)
