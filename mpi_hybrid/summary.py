"""The result of an MPI run as text for a person."""

from __future__ import annotations

from typing import Any

from ridge_spark.runs import summary


def table(result: dict[str, Any], out: str) -> str:
    """The table of every engine, and what averaging cost where there was any."""
    text = summary.table(result, out)
    cost = result.get("approximation")
    if cost:
        text += "\nAPPROXIMATION  the average of what each rank found on its own images"
        if cost["exact_test_accuracy"] is not None:
            lost = 100 * cost["test_accuracy_lost"]
            text += (
                f"\nexact          {cost['exact_test_accuracy']:.4f} on the test images: averaging "
                f"{'lost' if lost >= 0 else 'gained'} {abs(lost):.2f} percentage points"
            )
    return text
