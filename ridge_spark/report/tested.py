"""What the page shows of the test images: examples, margins, the right class in second place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from markupsafe import Markup

from ridge_spark.model import Model
from ridge_spark.report.charts import margin_chart
from ridge_spark.report.examples import Example, Examples, find_examples
from ridge_spark.report.occlusion import spoke_for_the_answer
from ridge_spark.report.pictures import opinion_picture
from ridge_spark.report.scored import Scored


@dataclass(frozen=True)
class Tested:
    """Of the test images that were looked at."""

    looked_at: int
    in_all: int
    wrong: list[tuple[Example, str]]  # each with a picture of what spoke for the answer
    uncertain: list[tuple[Example, str]]  # without
    margins: Markup
    top: list[tuple[int, float]]  # (m, how often the right class is among the first m)

    @classmethod
    def of(cls, scored: Scored, model: Model) -> Self:
        found = find_examples(scored)
        lead = scored.lead_over(scored.runner_up())
        right = scored.predicted == scored.true
        return cls(
            looked_at=found.looked_at,
            in_all=found.of,
            wrong=_explained(found, scored, model),
            uncertain=[(example, "") for example in found.uncertain],
            margins=margin_chart(
                lead[right], lead[~right], "Margins of right and of wrong answers"
            ),
            top=scored.top(),
        )


def _explained(found: Examples, scored: Scored, model: Model) -> list[tuple[Example, str]]:
    if not found.wrong:
        return []
    average = scored.images.mean(axis=0).round().astype("uint8")
    spoke = spoke_for_the_answer(model, found.wrong, average)
    return [
        (example, opinion_picture(example.image, each, model.shape))
        for example, each in zip(found.wrong, spoke, strict=True)
    ]
