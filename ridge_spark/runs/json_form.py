"""Dataclasses as JSON and back again, every value checked against the type of its field."""

from __future__ import annotations

import sys
import types
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

LARGEST: dict[Any, float] = {int: 2**63 - 1, float: sys.float_info.max}

SCALARS: dict[type, str] = {
    str: "text",
    bool: "true or false",
    int: "an integer",
    float: "a number",
}


def key_of(each: Field[Any]) -> str:
    """The key of a field: its name, but for a `_` that keeps it from being a word of Python."""
    return each.name.removesuffix("_")


def to_json(value: Any) -> Any:
    """`value`, a dataclass, as what the `json` module can write.

    A field whose default is None is left out where it is None.
    """
    if is_dataclass(value):
        return {
            key_of(each): to_json(getattr(value, each.name))
            for each in fields(value)
            if each.default is not None or getattr(value, each.name) is not None
        }
    if isinstance(value, tuple):
        return [to_json(each) for each in value]
    if isinstance(value, dict):
        return {key: to_json(each) for key, each in value.items()}
    return value


def from_json(kind: type[T], value: Any, name: str = "it") -> T:
    """`value`, read from JSON, as a `kind`; `ValueError` says which value is not what it should be.

    Keys that the dataclass does not have are ignored.
    """
    converted: Any = _converted(kind, value, name)
    return converted


def _converted(kind: Any, value: Any, name: str) -> Any:
    if is_dataclass(kind):
        return _dataclass(kind, _require(dict, value, name, "an object"))
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):  # X | None
        return None if value is None else _converted(arguments[0], value, name)
    if origin is tuple:
        found = _require(list, value, name, "a list")
        return tuple(_converted(arguments[0], each, name) for each in found)
    if origin is dict:
        items = _require(dict, value, name, "an object").items()
        return {key: _converted(arguments[1], each, f"{name}.{key}") for key, each in items}
    if kind is float and type(value) is int and abs(value) <= LARGEST[int]:
        value = float(value)
    if type(value) is not kind or (kind in LARGEST and not abs(value) <= LARGEST[kind]):
        raise ValueError(f"'{name}' is not {SCALARS[kind]}")
    return value


def _dataclass(kind: Any, value: dict[str, Any]) -> Any:
    hints = get_type_hints(kind)
    found = {}
    for each in fields(kind):
        key = key_of(each)
        if key in value:
            found[each.name] = _converted(hints[each.name], value[key], key)
        elif each.default is MISSING and each.default_factory is MISSING:
            raise ValueError(f"'{key}' is missing")
    return kind(**found)


def _require(kind: type[T], value: Any, name: str, text: str) -> T:
    if not isinstance(value, kind):
        raise ValueError(f"'{name}' is not {text}")
    return value
