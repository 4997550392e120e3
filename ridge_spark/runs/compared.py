"""Two models on the same labelled images: who alone is right, and McNemar's test."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ridge_spark.model import Model
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.metrics import Z_95


@dataclass(frozen=True)
class Compared:
    """Images that both models classify correctly, the first alone, the second alone, neither."""

    both: int
    first: int
    second: int
    neither: int

    @property
    def n(self) -> int:
        return self.both + self.first + self.second + self.neither

    @property
    def difference(self) -> float:
        """Accuracy of the second model less that of the first."""
        return (self.second - self.first) / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds of the difference at 95% confidence, by the normal distribution and paired:

        δ ± z √((b + c) / n - δ²) / √n,   b and c the images that one alone gets right
        """
        spread = (self.first + self.second) / self.n - self.difference**2
        half = Z_95 * math.sqrt(max(0.0, spread) / self.n)
        return self.difference - half, self.difference + half

    @property
    def p_value(self) -> float:
        """The chance of so uneven a division, were both equally good: McNemar's exact test.

        Of b + c images that one alone gets right, each is the one's or the other's by the toss of a
        coin. McNemar, Psychometrika 12 (1947).
        """
        m, least = self.first + self.second, min(self.first, self.second)
        if m == 0:
            return 1.0
        i = np.arange(least + 1)
        factorial = np.array([math.lgamma(j + 1) for j in (*i, *(m - i))]).reshape(2, -1)
        tail = np.exp(math.lgamma(m + 1) - factorial.sum(axis=0) - m * math.log(2)).sum()
        return min(1.0, 2 * float(tail))

    def to_dict(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "both_right": self.both,
            "first_alone_right": self.first,
            "second_alone_right": self.second,
            "neither_right": self.neither,
            "difference": self.difference,
            "interval": list(self.interval),
            "p_value": self.p_value,
        }


def compare(first: Model, second: Model, blocks: Iterable[Block], *, threads: int) -> Compared:
    """Classify the images of `blocks` by both models, whose classes are those of the labels."""
    counts = np.zeros(4, np.int64)
    for block in blocks:
        a, b = (
            model.predict(block.images, threads=threads) == block.labels
            for model in (first, second)
        )
        counts += np.bincount(2 * ~a + ~b, minlength=4)
    return Compared(*counts.tolist())
