"""Under MPI: a rank that is killed ends all, and what was saved until then is taken up again."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random

from tests.faults.promise import TRAINING, Came, Fault, World, finish, kill_all
from tests.faults.stored import cut, flip

PROGRAM = ("-m", "tests.faults.struck_rank")
WITHIN = 60  # seconds, for the other ranks to end

# X'X and XX'; products with the images have the same bits only where ranks are as many.
SIDES: tuple[tuple[str, ...], ...] = ((), ("--side", "dual", "--limit", "2000"))
MODES = ("data", "model")
STAGES: dict[tuple[str, ...], int] = {}  # that a run has, by its mode and options
TURNS: Counter[str] = Counter()


def _command(world: World, rng: Random, out: Path, mode: str, *program: object) -> list[str]:
    beside = Path(sys.executable).with_name("mpiexec")
    launcher = str(beside) if beside.exists() else shutil.which("mpiexec") or "mpiexec"
    options = [*TRAINING, "--checkpoint", "0", "--threads", "1"]
    return [launcher, "-n", str(rng.choice((2, 3))), sys.executable, *map(str, program), mode,
            "--data", str(world.data), "--out", str(out), *options]  # fmt: skip


def _stages(world: World, rng: Random, mode: str, side: tuple[str, ...]) -> int:
    if (mode, *side) not in STAGES:
        told = world.new("stages")
        program = (*PROGRAM, -1, 0, 0, told)
        command = [*_command(world, rng, world.new("undisturbed"), mode, *program), *side]
        ended = finish(world.start_process(command))
        assert ended.status == 0, ended.error
        STAGES[mode, *side] = len(told.read_text().splitlines())
    return STAGES[mode, *side]


def _strike(world: World, rng: Random, out: Path, side: tuple[str, ...]) -> bool:
    """Have a rank killed in one of the stages; False if that came too late."""
    mode, marker = rng.choice(MODES), world.new("struck")
    stage = rng.randrange(_stages(world, rng, mode, side))
    delay = rng.choice((0.0, 0.0, rng.uniform(0, 0.3)))
    program = (*PROGRAM, stage, rng.randrange(2), delay, marker)
    process = world.start_process([*_command(world, rng, out, mode, *program), *side])
    finish(process, within=WITHIN)
    kill_all(process)
    return marker.exists() and not out.exists()


def _again(world: World, rng: Random, out: Path, side: tuple[str, ...]) -> Came:
    """The same run, in any mode, on any number of ranks."""
    if not out.exists():
        command = _command(world, rng, out, rng.choice(MODES), "-m", "mpi_hybrid")
        return world.judged(finish(world.start_process([*command, *side])), out, side)
    return Came.SAME if world.is_expected(out, side) else Came.WRONG


def a_rank(world: World, rng: Random) -> Came:
    """kill -9 of a rank in any stage; then again."""
    TURNS["rank"] += 1
    out, side = world.new("run"), SIDES[TURNS["rank"] % len(SIDES)]
    struck = _strike(world, rng, out, side)
    came = _again(world, rng, out, side)
    return Came.LOST if came is Came.CLEAR else came.if_struck(struck)


def a_damaged_checkpoint(world: World, rng: Random) -> Came:
    """A rank is killed, and what was saved is damaged as well."""
    out = world.new("run")
    _strike(world, rng, out, ())
    files = sorted(out.with_name(f"{out.name}.checkpoint").glob("*.safetensors"))
    if files:
        rng.choice((flip, cut))(rng.choice(files), rng)
    return _again(world, rng, out, ()).if_struck(bool(files))


Row = partial(Fault, "MPI")
FAULTS = (
    Row("a rank killed (kill -9) in any stage, then run again on other ranks", a_rank, 10),
    Row("the same, and its checkpoint damaged", a_damaged_checkpoint, 10),
)
