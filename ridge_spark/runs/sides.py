"""The sides that a run can be solved on, and which one it is to be."""

from __future__ import annotations

from types import ModuleType

from ridge_spark.engines.engine import Engine
from ridge_spark.errors import InputError
from ridge_spark.features import FeatureMap
from ridge_spark.ridge.side import choose_side
from ridge_spark.runs import dual_side, primal_side
from ridge_spark.runs.options import TrainOptions

# Each searches over λ, `search(engine, feature_map, options)`, and fits the best, `fit(engine,
# searched)`; what these return is in searched.py. They are named as `--side` takes them.
SIDES: dict[str, ModuleType] = {"primal": primal_side, "dual": dual_side}


def side_of(engine: Engine, feature_map: FeatureMap, options: TrainOptions) -> str:
    """The side to solve on, of what is asked for; `InputError` where that can't be."""
    if not engine.exact:  # averages what ranks find from their own statistics
        if options.side not in ("auto", "primal"):
            raise InputError(f"--side {options.side}: models that are averaged are on side primal")
        return "primal"
    if options.side != "auto":
        return options.side
    L = len(options.lambdas_for(feature_map.spec))
    return choose_side(engine.train.rows, feature_map.d_out, L, options.folds.held_out + 1)
