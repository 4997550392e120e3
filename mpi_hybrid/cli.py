"""The `python -m mpi_hybrid` command: its options, and how a failing rank ends all of them."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import traceback
from io import TextIOWrapper
from typing import TYPE_CHECKING, NoReturn

from ridge_spark.commands.parser import Parser
from ridge_spark.commands.train import add_training_options
from ridge_spark.errors import InputError
from ridge_spark.printable import print_log_lines, printable

if TYPE_CHECKING:
    from mpi_hybrid.world import World

CHECKPOINT_MINUTES = 5.0
INTERRUPTED = 130  # the exit status of a shell's command after Ctrl-C

# Where launchers tell a rank its number before there is MPI: MPICH and its kin, Open MPI, srun.
RANK_VARIABLES = ("PMI_RANK", "PMIX_RANK", "SLURM_PROCID")


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one rank and exit.

    0 done, 2 a bad option or input, 75 stopped by a signal and saved, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # not every terminal can show a λ
    print_log_lines()
    arguments = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(arguments):  # before MPI, which a login node need not have
        if any(os.environ.get(name, "0") != "0" for name in RANK_VARIABLES):
            sys.exit(0)
        _parser().parse_args(arguments)
    try:
        from mpi_hybrid.world import World
    except (ImportError, RuntimeError) as error:
        print(
            f"mpi_hybrid: error: MPI can't be loaded ({error}); "
            "pip install 'ridge-spark[mpi]', with mpich where the machine has no MPI of its own, "
            "or load your cluster's MPI module",
            file=sys.stderr,
        )
        sys.exit(2)
    sys.exit(_run_rank(World(), arguments))


def _run_rank(world: World, arguments: list[str]) -> int:
    """The exit status. An error of one rank ends all, where MPI alone would let them wait."""
    from mpi_hybrid.run import run
    from mpi_hybrid.stop import TRY_AGAIN, Stopped

    try:
        options = _parser().parse_args(arguments)
        options.command_line = shlex.join(
            [*_launcher(world), *options.parser.prog.split(), *options.given]
        )
        run(world, options)
        return 0
    except Stopped as stopped:
        if world.rank == 0:
            print(f"mpi_hybrid: {printable(stopped)}", file=sys.stderr)
        return TRY_AGAIN
    except InputError as error:
        return _end_alike(world, 2, f"error: {error}", f"error on {_name(world)}: {error}")
    except KeyboardInterrupt:
        message = "interrupted; no run directory was written"
        return _end_alike(world, INTERRUPTED, message, message)
    except MemoryError:
        print(
            f"mpi_hybrid: error on {_name(world)}: out of memory; use fewer ranks on each node "
            "with more --threads, the data mode, or smaller images",
            file=sys.stderr,
        )
        world.abort(1)
    except Exception:
        print(f"mpi_hybrid: {_name(world)} failed:\n{traceback.format_exc()}", file=sys.stderr)
        world.abort(1)
    return 1


def _launcher(world: World) -> list[str]:
    """What has started the ranks, as far as a rank can tell."""
    if os.environ.get("SLURM_STEP_NUM_TASKS") == str(world.size):
        return ["srun", "--ntasks", str(world.size)]
    started = any(name in os.environ for name in (*RANK_VARIABLES, "OMPI_COMM_WORLD_RANK"))
    return ["mpirun", "-n", str(world.size)] if started else []


def _end_alike(world: World, status: int, together: str, alone: str) -> int:
    """The status to exit with where all ranks have the same to say; else this one ends them all."""
    if world.all_fail():
        if world.rank == 0:
            print(f"mpi_hybrid: {printable(together)}", file=sys.stderr)
    else:
        print(f"mpi_hybrid: {printable(alone)}", file=sys.stderr)
        world.abort(status)
    return status


def _name(world: World) -> str:
    return f"rank {world.rank} of {world.size} ({world.host})"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m mpi_hybrid",
        description="Train a ridge-regression image classifier on MPI ranks with threads in each.",
        epilog="Start it with mpirun or srun: mpirun -n 4 python -m mpi_hybrid data --data ...",
    )
    modes = parser.add_subparsers(title="modes", required=True, metavar="MODE", dest="mode")
    about = {
        "model": "all images once on every node, in shared memory; rows and λ over the ranks",
        "data": "the images divided; every rank reads its own blocks from disk",
    }
    for name, text in about.items():
        mode = modes.add_parser(name, help=text, description=text)
        add_training_options(mode)
        mode.set_defaults(parser=mode)
        mode.add_argument(
            "--threads", type=int, metavar="N",
            help="threads of each rank (default: SLURM_CPUS_PER_TASK, else its part of the cores)",
        )  # fmt: skip
        mode.add_argument(
            "--checkpoint", type=float, metavar="MINUTES", default=CHECKPOINT_MINUTES,
            help="save statistics beside a local --out this often, for a rerun to resume from "
            f"(default: {CHECKPOINT_MINUTES:g})",
        )  # fmt: skip
    modes.choices["data"].add_argument(
        "--combine", choices=("exact", "average"), default="exact",
        help="sum statistics: the same result as every engine; or average the weights that "
        "fit each rank's own images: an approximation (default: exact)",
    )  # fmt: skip
    return parser
