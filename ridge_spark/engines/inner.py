"""The Spark inner engine: X stays where it is; every task reads its own blocks from storage."""

from __future__ import annotations

import socket

from ridge_spark.data.dataset import BlockDescriptor, read_block
from ridge_spark.engines.spark import Read, SparkEngine
from ridge_spark.errors import InputError
from ridge_spark.ridge.blocks import Block


class InnerEngine(SparkEngine):
    """An RDD of block descriptors. No image passes through the driver or the JVM."""

    name = "inner"

    def reader(self) -> Read:
        return _read_on_worker


def _read_on_worker(block: BlockDescriptor) -> Block:
    try:
        return read_block(block)
    except InputError as error:
        raise InputError(
            f"worker {socket.gethostname()}: {error}; with the inner job, --data must be storage "
            "that every worker reaches, such as s3://"
        ) from error
