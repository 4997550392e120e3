"""An import as text for a person: classes and counts, sizes, what was left out or skipped."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ridge_spark.importing.report import Report
from ridge_spark.importing.splits import FOUND
from ridge_spark.printable import printable

MOST_LISTED = 8


def summary(out: str, report: Report) -> str:
    """A few lines on what is now in the data set `out` and what is not."""
    about = report.description
    counts = {split: report.counts[split] for split in FOUND if np.any(report.counts.get(split, 0))}
    images = ", ".join(f"{n:,} {split}" for split, n in report.written.items())
    shape = "x".join(map(str, about.shape))
    names = [printable(name) for name in about.class_names]
    lines = [f"{printable(out)}: {images} images of {shape}, {len(about.class_names)} classes", ""]

    width = max(len(name) for name in (*names, "class"))
    lines.append(f"  {'class':<{width}}" + "".join(f"{split:>11}" for split in counts))
    for number, name in enumerate(names):
        row = "".join(f"{numbers[number]:>11,}" for numbers in counts.values())
        lines.append(f"  {name:<{width}}{row}")

    tally = report.tally
    lines += ["", *map(printable, report.said), f"sizes found    {_listed(tally.sizes)}"]
    lines += [f"{n:,} images {printable(note)}" for note, n in tally.notes.most_common()]
    if report.left_out:
        lines.append(f"left out       {_listed(report.left_out)}")
    if tally.bad:
        lines.append(f"skipped        {tally.bad:,} damaged images")
        lines += [f"  {printable(example)}" for example in tally.examples]
        if tally.bad > len(tally.examples):
            lines.append(f"  and {tally.bad - len(tally.examples):,} more")
    return "\n".join(lines)


def _listed(numbers: Counter[str]) -> str:
    parts = [f"{printable(name)} ({n:,})" for name, n in numbers.most_common(MOST_LISTED)]
    more = len(numbers) - len(parts)
    return ", ".join(parts) + (f" and {more:,} more" if more > 0 else "")
