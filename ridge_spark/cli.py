# PYTHON_ARGCOMPLETE_OK
"""The `ridge-spark` command: finds the sub-command, prints its errors, sets the exit status."""

from __future__ import annotations

import argparse
import codecs
import os
import select
import shlex
import signal
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from types import ModuleType
from typing import NoReturn

from ridge_spark import __version__
from ridge_spark.commands.parser import Parser
from ridge_spark.cores import limit_libraries
from ridge_spark.engines.submitted import is_submitted, submit_command
from ridge_spark.errors import InputError
from ridge_spark.extras import explain_missing
from ridge_spark.printable import print_log_lines, printable

COMMANDS = {  # their modules
    "import": "import_images",
    "train": "train",
    "predict": "predict",
    "compare": "compare",
    "evaluate": "evaluate",
    "update": "update",
    "export": "export",
    "report": "report",
    "list": "list_runs",
    "verify": "verify",
}
SHOWN = "ridge_spark.shown"  # how to write what can't be encoded; of `codecs`


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command and exit.

    0 done, 1 out of memory or disk, 2 bad option or input, 130 interrupted, 141 nobody reads the
    output any more (as in `| head`), 143 terminated.
    """
    signal.signal(signal.SIGTERM, _terminate)
    codecs.register_error(SHOWN, _shown)
    print_log_lines()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=SHOWN)
    is_program = arguments is None  # not called by another one, which goes on
    try:
        _run(sys.argv[1:] if arguments is None else arguments)
    except BrokenPipeError:
        if not _output_is_cut_off():
            raise
        _write_no_more()
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:  # where nobody nearer knows more of it: standard output, as a rule
        _write_no_more()
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}can't be read or written ({error.strerror or error})", 1)
    except InputError as error:
        _fail(str(error), 2)
    except UnicodeEncodeError as error:
        _fail(f"{error.object[:1000]!a}: the name is not UTF-8; rename it", 2)
    except ModuleNotFoundError as error:
        missing = explain_missing(error)
        if missing is None:
            raise
        _fail(missing, 2)
    except KeyboardInterrupt:
        _fail("interrupted; nothing was written", 130)
    except MemoryError:
        _fail("out of memory; use smaller images, more --partitions or a larger machine", 1)
    if is_program:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done and told, Python only tidies up
    sys.exit(0)


def _run(arguments: list[str]) -> None:
    limit_libraries()
    parser = _parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could come next
        import argcomplete

        argcomplete.autocomplete(parser)
    options = parser.parse_args(arguments)
    if getattr(options, "verbose", False):
        os.environ["RIDGE_SPARK_VERBOSE"] = "1"
    options.command_line = _command_line(options)
    options.run(options)
    sys.stdout.flush()


def _command_line(options: argparse.Namespace) -> str:
    """What to type to have the same again, without the file that `--config` named."""
    if is_submitted():
        return submit_command(options.given)
    return f"{options.parser.prog} {shlex.join(options.given)}"


def _shown(error: UnicodeError) -> tuple[bytes | str, int]:
    """The bytes of a file name that isn't UTF-8 as they are; a ? for a λ no terminal can show."""
    assert isinstance(error, UnicodeEncodeError)
    codes = map(ord, error.object[error.start : error.end])
    shown = (bytes((code - 0xDC00,)) if 0xDC80 <= code <= 0xDCFF else b"?" for code in codes)
    return b"".join(shown), error.end


def _terminate(number: int, _: object) -> NoReturn:
    """End as after Ctrl-C, so that whatever is half written is taken away again."""
    _fail("terminated; nothing was written", 128 + number)


def _output_is_cut_off() -> bool:
    """Whether what reads our output has gone, rather than any other process that we talk to."""
    outputs = select.poll()
    for stream in (sys.stdout, sys.stderr):
        outputs.register(stream, 0)
    return any(event & select.POLLERR for _, event in outputs.poll(0))


def _write_no_more() -> None:
    """Let the last flush of standard output, which could only fail again, go nowhere."""
    with suppress(OSError, ValueError):  # it may be no file at all
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, status: int) -> NoReturn:
    print(f"ridge-spark: error: {printable(message)}", file=sys.stderr)
    sys.exit(status)


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows a default only where there is one to speak of."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        nothing = action.default is False or action.default in (None, [], argparse.SUPPRESS)
        if nothing or "(default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


def _commands() -> dict[str, ModuleType]:
    """The sub-commands; loaded here, as the time that takes is one to press Ctrl-C in as well."""
    return {name: import_module(f"ridge_spark.commands.{COMMANDS[name]}") for name in COMMANDS}


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="ridge-spark",
        description="Train and use a ridge-regression image classifier: on this machine or on "
        "Spark, with the same result bit for bit.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, command in _commands().items():
        added = commands.add_parser(
            name, help=command.HELP, description=command.HELP, formatter_class=_Formatter
        )
        command.add_options(added)
        if any(action.dest == "engine" for action in added._actions):
            added.add_argument(
                "--verbose", action="store_true", help="show Spark's own log as well"
            )
        added.set_defaults(run=command.run, parser=added)
    return parser
