"""The parser of every command line: one line for a bad option, with the name that was meant."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NoReturn

from ridge_spark.commands.config_file import OPTION, with_config
from ridge_spark.errors import InputError


class Parser(argparse.ArgumentParser):
    """Raises `InputError` for a bad option, as for any other bad input.

    A parser of sub-commands, which are `Parser`s too, points to the help of the one that was given.
    """

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; for help: {self.prog} --help")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            command: Parser = vars(options).get("parser", self)
            command.refuse(unknown[0])
        return options

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, and with `given`: the arguments, those of a file of options among them."""
        if OPTION in self._option_string_actions:
            args = with_config(self, args)
        options, unknown = super().parse_known_args(args, namespace)
        if not hasattr(options, "given"):  # of a sub-command before the command it is of
            options.given = args
        return options, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As argparse's, and with the choice that was meant."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += _meant(str(value), map(str, action.choices or ()))
            raise

    def refuse(self, argument: str) -> NoReturn:
        """Say that there is no such option or that nothing like this is expected."""
        option = argument.partition("=")[0]
        if not option.startswith("--"):
            self.error(f"{argument}: is one argument too many, or there is no such option")
        self.error(f"{option}: no such option{_meant(option, self._option_string_actions)}")


def _meant(given: str, known: Iterable[str]) -> str:
    close = get_close_matches(given, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""
