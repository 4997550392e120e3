"""Ridge-regression image classification on exact integer statistics."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ridge_spark.estimator import RidgeClassifier
    from ridge_spark.model import Model
    from ridge_spark.ridge.statistics import Statistics
    from ridge_spark.transformer import PatchFeatures

__version__ = "1.0.0"
__all__ = ["Model", "PatchFeatures", "RidgeClassifier", "Statistics"]

_HOME = {
    "Model": "ridge_spark.model",
    "PatchFeatures": "ridge_spark.transformer",
    "RidgeClassifier": "ridge_spark.estimator",
    "Statistics": "ridge_spark.ridge.statistics",
}


def __getattr__(name: str) -> Any:
    """Import on first use: a Spark worker that only adds up statistics never loads scikit-learn."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from ridge_spark.extras import explain_missing

    try:
        return getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        missing = explain_missing(error)
        if missing is None:
            raise
        raise ModuleNotFoundError(f"{name}: {missing}", name=error.name) from None
