"""Adding up what tasks return, without any one process holding much of it."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from pyspark import RDD

T = TypeVar("T")

FAN_IN = 8  # values of a key that one task, or the driver, merges


def merge_by_tree(rdd: RDD[tuple[Any, T]], partitions: int) -> dict[Any, T]:
    """Add up the values of equal keys, a few at a time, so that no task and no driver gets many."""
    while partitions > FAN_IN:
        partitions = math.ceil(partitions / FAN_IN)
        rdd = (
            rdd.mapPartitionsWithIndex(partial(_key_by_target, partitions))
            .reduceByKey(operator.iadd, partitions, _target)
            .map(_drop_target)
        )
    merged: dict[Any, T] = {}
    for key, value in rdd.collect():
        merged[key] = operator.iadd(merged[key], value) if key in merged else value
    return merged


def merge_by_key(rdd: RDD[tuple[Any, T]], keys: int) -> dict[Any, T]:
    """Add up the values of equal keys, each in a task of its own, and fetch them one by one.

    For tiles: together they may be more than Spark lets a job return at once.
    """
    return dict(rdd.reduceByKey(operator.iadd, keys).toLocalIterator())


def _key_by_target(partitions: int, index: int, items: Iterable[Any]) -> Iterator[Any]:
    return (((index % partitions, key), value) for key, value in items)


def _target(key: tuple[int, Any]) -> int:
    return key[0]


def _drop_target(item: tuple[tuple[int, Any], T]) -> tuple[Any, T]:
    (_, key), value = item
    return key, value
