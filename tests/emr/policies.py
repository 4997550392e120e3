"""Decides on IAM and endpoint policies as AWS does: actions, resources and conditions together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any


def allows(
    documents: Iterable[Mapping[str, Any]],
    action: str,
    resource: str,
    context: Mapping[str, str] | None = None,
) -> bool:
    """Some statement allows it and none denies it; one whose condition is not met says nothing."""
    said = [
        statement["Effect"]
        for document in documents
        for statement in _list(document["Statement"])
        if _applies(statement, action, resource, context or {})
    ]
    return "Allow" in said and "Deny" not in said


def _applies(
    statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]
) -> bool:
    return (
        any(fnmatchcase(action.lower(), each.lower()) for each in _list(statement["Action"]))
        and any(fnmatchcase(resource, each) for each in _list(statement.get("Resource", "*")))
        and all(
            _met(operator, context.get(key), _list(values))
            for operator, wanted in statement.get("Condition", {}).items()
            for key, values in wanted.items()
        )
    )


def _met(operator: str, value: str | None, wanted: list[str]) -> bool:
    if value is None:
        return False
    if operator in ("StringEquals", "ArnEquals", "Bool"):
        return value in wanted
    if operator in ("StringLike", "ArnLike"):
        return any(fnmatchcase(value, each) for each in wanted)
    raise ValueError(
        f"{operator}: a condition that these policies have not had before; add it here"
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
