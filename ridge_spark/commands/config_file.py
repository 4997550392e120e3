"""`--config FILE`: options of a command from a TOML file, beneath those that are typed."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ridge_spark.errors import InputError

OPTION = "--config"
MOST_BYTES = 2**20  # of a file of options


def add_config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        OPTION, metavar="FILE",
        help="TOML file of options, as folds = 5; what is typed as well is taken as typed",
    )  # fmt: skip


def with_config(parser: argparse.ArgumentParser, typed: Sequence[str]) -> list[str]:
    """The arguments with the options of the file that `--config` names in its place.

    An option that is typed, or that excludes a typed one, is not taken from the file.
    """
    path, rest = _take_out(typed)
    if path is None:
        return list(typed)
    settled = _settled(parser, rest)
    added: list[str] = []
    for name, value in _read(path).items():
        action = _action(parser, path, name)
        if action not in settled:
            added += _arguments(path, name, action, value)
    return [*added, *rest]


def _take_out(typed: Sequence[str]) -> tuple[str | None, list[str]]:
    """The value of `--config`, if it is there, and the other arguments."""
    for place, argument in enumerate(typed):
        if argument.startswith(f"{OPTION}="):
            return argument.partition("=")[2], [*typed[:place], *typed[place + 1 :]]
        if argument == OPTION and place + 1 < len(typed):
            return typed[place + 1], [*typed[:place], *typed[place + 2 :]]
    return None, list(typed)


def _read(path: str) -> Mapping[str, Any]:
    try:
        with Path(path).open("rb") as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ValueError("it is far too large")
        return tomllib.loads(text.decode())
    except OSError as error:
        raise InputError(f"{OPTION} {path}: can't be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{OPTION} {path}: is not TOML ({error})") from error


def _action(parser: argparse.ArgumentParser, path: str, name: str) -> argparse.Action:
    known = {
        option.removeprefix("--"): action
        for option, action in parser._option_string_actions.items()
        if option.startswith("--") and option not in ("--help", OPTION)
    }
    if name in known:
        return known[name]
    raise InputError(f"{OPTION} {path}: there is no option {name}{meant(name, known)}")


def meant(name: str, known: Iterable[str]) -> str:
    """What to add to a message on a name that is not `known`: the one that is most like it."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else ""


def _settled(parser: argparse.ArgumentParser, typed: Sequence[str]) -> set[argparse.Action]:
    """The options that are typed, each with those that exclude it."""
    given = {
        parser._option_string_actions[option]
        for option in (argument.partition("=")[0] for argument in typed)
        if option in parser._option_string_actions
    }
    for group in parser._mutually_exclusive_groups:
        if given.intersection(group._group_actions):
            given.update(group._group_actions)
    return given


def _arguments(path: str, name: str, action: argparse.Action, value: Any) -> Iterator[str]:
    """As one would type it: `--NAME=VALUE`; a flag alone, a list with commas or once for each."""
    option = f"--{name}"
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise InputError(f"{OPTION} {path}: {name} must be true or false")
        yield from [option] if value else []
        return
    values = value if isinstance(value, list) else [value]
    if not values or any(isinstance(each, bool | list | dict) for each in values):
        raise InputError(f"{OPTION} {path}: {name} must be text or a number, or a list of such")
    if isinstance(action, argparse._AppendAction):
        yield from (f"{option}={each}" for each in values)
    else:
        yield f"{option}={','.join(map(str, values))}"
