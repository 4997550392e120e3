"""Labels as a CSV spells them: of one spelling each, and whole numbers without a fraction."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from ridge_spark.importing.csv_header import is_number

NONE = "-1"  # what competitions give test images for a label


def one_spelling(labels: Iterable[str]) -> dict[str, str]:
    """The label that each spelling stands for.

    Letters with accents are one character (NFC), however they are written. Where all labels are
    numbers and whole, 3.0 and 3.000e+00 are 3, which is what pandas and NumPy meant.
    """
    spellings = {label: unicodedata.normalize("NFC", label) for label in set(labels)}
    numbers = [label for label in spellings if label]
    whole = all(is_number(number) and float(number).is_integer() for number in numbers)
    if whole and not all(number.lstrip("-").isdecimal() for number in numbers):
        return {label: str(int(float(label))) if label else "" for label in spellings}
    return spellings
