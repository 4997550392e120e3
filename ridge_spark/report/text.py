"""Numbers as people read them."""

from __future__ import annotations

import math

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plural(n: int, what: str) -> str:
    """`1 task`, `2 tasks`, `60,000 images`."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def percent(fraction: float, digits: int = 2) -> str:
    return f"{100 * fraction:.{digits}f}%"


def bytes_of(n: float) -> str:
    """`784 bytes`, `7.8 MB`, `47 MB`."""
    power = min(4, max(0, math.floor(math.log10(max(1.0, n)) / 3)))
    value, unit = n / 1000**power, ("bytes", "kB", "MB", "GB", "TB")[power]
    return f"{value:.1f} {unit}" if power and value < 10 else f"{value:.0f} {unit}"


def seconds_of(seconds: float) -> str:
    """`0.42 s`, `12.3 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def rounded(value: float) -> str:
    """Four digits of a number: `599.5`, `100,000`, `0.0016`, `1.292 × 10⁻⁵`."""
    mantissa, exponent = f"{value:.3e}".split("e")
    power = int(exponent)
    if -4 < power < 7:
        text = f"{float(f'{value:.4g}'):,.{max(0, 3 - power)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa = mantissa.rstrip("0").rstrip(".")
    scale = "10" + str(power).translate(SUPERSCRIPT)
    return scale if mantissa == "1" else f"{mantissa} × {scale}"


def power_of_ten(value: float) -> str:
    """`10⁻³`, `1`, `100`, `10⁵` for a power of ten, other numbers as they are."""
    exponent = round(math.log10(value)) if value > 0 else 0
    if abs(exponent) < 3 or not math.isclose(value, 10.0**exponent):
        return f"{value:g}"
    return "10" + str(exponent).translate(SUPERSCRIPT)
