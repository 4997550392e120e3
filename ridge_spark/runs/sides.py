"""The sides that a run can be solved on."""

from __future__ import annotations

from types import ModuleType

from ridge_spark.runs import dual_side, operator_side, primal_side

# Each searches over λ, `search(engine, feature_map, options)`, and fits the best, `fit(engine,
# searched)`; what these return is in searched.py. They are named as `--side` takes them.
SIDES: dict[str, ModuleType] = {"primal": primal_side, "dual": dual_side, "operator": operator_side}
