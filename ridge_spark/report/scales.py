"""Where values lie on an axis, and which of them it names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ridge_spark.report.text import power_of_ten


@dataclass(frozen=True)
class Scale:
    """From values to positions on the page: `low` at `start`, `high` at `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class LogScale:
    """As `Scale` of logarithms, with 0 a decade below the least of the positive values."""

    least: float  # positive value
    most: float
    zero: bool  # whether there is a 0
    scale: Scale  # of log10

    @classmethod
    def of(cls, values: Sequence[float], start: float, end: float) -> LogScale:
        positive = [value for value in values if value > 0] or [1.0]
        least, most = min(positive), max(positive)
        zero = min(values) <= 0
        low = math.log10(least) - zero
        high = max(math.log10(most), low + 1)
        return cls(least, most, zero, Scale(low, high, start, end))

    def __call__(self, value: float) -> float:
        return self.scale(math.log10(value) if value > 0 else self.scale.low)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """(value, name) of powers of ten, at most `most` of them, else of both ends; and of 0."""
        first = math.ceil(math.log10(self.least) - 1e-9)
        last = math.floor(math.log10(self.most) + 1e-9)
        step = max(1, math.ceil((last - first + 1) / most))
        values = [10.0**power for power in range(first, last + 1) if power % step == 0]
        values = values or sorted({self.least, self.most})
        named = [(value, power_of_ten(value)) for value in values]
        return [(0.0, "0"), *named] if self.zero else named


def ticks(low: float, high: float, about: int) -> list[tuple[float, str]]:
    """(value, name) of round numbers from `low` to `high`, about as many as asked for."""
    if high <= low:
        return [(low, f"{low:g}")]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough * (1 - 1e-9))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(i * step, f"{i * step:,.{digits}f}") for i in range(first, last + 1)]


def padded(values: Sequence[float], fraction: float = 0.06) -> tuple[float, float]:
    """The range of the values with some room around it."""
    low, high = min(values), max(values)
    room = fraction * (high - low) or abs(high) * 0.01 or 1.0
    return low - room, high + room
