"""What two runs must agree on to the last bit."""

from __future__ import annotations

from typing import Any

from ridge_spark.runs.json_form import to_json
from ridge_spark.runs.options import TrainOptions, make_folds, parse_lambdas
from ridge_spark.runs.training import Training

LAMBDAS = "1e-3,1,600,1e4"
LIMIT = 50_021  # 13 blocks, the last cut short; a prime, so no number of ranks divides it
KEYS = (
    "statistics_sha256", "model_sha256", "features_sha256", "best_lambda", "confusion",
    "validation_accuracy", "gcv", "temperature",
    "held_out",
)  # fmt: skip


def options_of(folds: int | None) -> TrainOptions:
    """With a holdout as ever, and with folds by classes that weigh."""
    weighted = {"class_weight": {"5": 3}, "metric": "balanced", "choose": "one-se"}
    return TrainOptions(
        "", "", parse_lambdas(LAMBDAS), make_folds(None, folds, 0), **weighted if folds else {}
    )


def findings(training: Training) -> list[Any]:
    return [
        training.statistics.sha256(),
        training.model.sha256(),
        training.model.features_sha256,
        training.model.lam,
        training.tested.confusion.tolist(),
        training.validation_accuracy.tolist(),
        training.gcv.tolist(),
        training.model.temperature,
        to_json(training.held_out),
    ]


def agreed(result: dict[str, Any]) -> list[Any]:
    """The same, from a result.json."""
    return [result[key] for key in KEYS]
