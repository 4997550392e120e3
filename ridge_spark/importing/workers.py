"""Processes of this machine that import shares, one after another, until none is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from ridge_spark.importing.parts import Share, Task
    from ridge_spark.importing.report import Advance, Report

MODULES = ("ridge_spark.importing.parts", "PIL.PngImagePlugin", "PIL.JpegImagePlugin")
SECONDS_BETWEEN_WORDS = 0.1  # of a worker on how far it is; each one takes time from the work
SECONDS_TO_END = 10.0  # for a worker to close what it writes, before it is killed


def get_ready() -> None:
    """Begin to load what workers need, while this process loads what it needs itself.

    One process does, and the workers are forked from it. They are not forked from this one: of the
    threads that Arrow and BLAS have here, they would have nothing but the locks.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # nothing is multiplied in an import
    forkserver.set_forkserver_preload(["__main__", *MODULES])
    resource_tracker.ensure_running()  # first, for in starting it lets signals through
    with _signals_held_back():
        forkserver.ensure_running()


def run_shares(task: Task, shares: Iterable[Share], workers: int, advance: Advance) -> list[Report]:
    """The reports of all shares, in order, done by that many processes.

    Raises what a single process would have raised, or `MemoryError` if one was killed. Either way
    the processes have ended then.
    """
    if workers == 1:
        return [task(share, advance) for share in shares]
    get_ready()
    crew = _Crew(advance)
    try:
        for _ in range(workers):
            with _signals_held_back():
                crew.add(task)
        for share in shares:
            crew.give(share)
            if crew.failed:
                break
        return crew.reports()
    finally:
        crew.end()


class _Crew:
    """The workers, who has which share, and what became of those that are done."""

    def __init__(self, advance: Advance) -> None:
        self.advance = advance
        self.processes: list[BaseProcess] = []
        self.idle: list[Connection] = []
        self.at_work: dict[Connection, int] = {}  # numbers of shares
        self.done: dict[int, Report] = {}
        self.failed: dict[int, Exception] = {}

    def add(self, task: Task) -> None:
        """Start a worker."""
        context = multiprocessing.get_context("forkserver")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(task, theirs))
        process.start()
        theirs.close()  # nobody else has it open: if the worker dies, we read the end of the file
        self.processes.append(process)
        self.idle.append(ours)

    def give(self, share: Share) -> None:
        """Have a share done by whoever is idle first."""
        while not self.idle:
            self._listen(list(self.at_work))
        worker = self.idle.pop()
        self.at_work[worker] = share.number
        with _told_of_death():
            worker.send(share)

    def reports(self) -> list[Report]:
        """The reports in order; or the failure that is first in order, whichever came first."""
        while awaited := [
            worker
            for worker, number in self.at_work.items()
            if not self.failed or number < min(self.failed)
        ]:
            self._listen(awaited)
        if self.failed:
            raise self.failed[min(self.failed)]
        return [report for _, report in sorted(self.done.items())]

    def end(self) -> None:
        """End all workers, in order if they can, and wait until they have."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join(SECONDS_TO_END)
            process.kill()
            process.join()

    def _listen(self, workers: list[Connection]) -> None:
        for worker in wait(workers):
            assert isinstance(worker, Connection)
            with _told_of_death():
                message = worker.recv()
            if isinstance(message, int):
                self.advance(message)
                continue
            number = self.at_work.pop(worker)
            self.idle.append(worker)
            if isinstance(message, Exception):
                self.failed[number] = message
            else:
                self.done[number] = message


@contextmanager
def _told_of_death() -> Iterator[None]:
    try:
        yield
    except (EOFError, ConnectionError) as error:  # killed from outside, as a rule for its memory
        raise MemoryError from error


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Ctrl-C and SIGTERM reach this process when the block is left, and never what it starts.

    They may be sent to every process of a terminal or a job. What is started inherits that they are
    blocked, and is not struck while it loads its modules.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(task: Task, connection: Connection) -> None:
    """In a worker: do the shares that come in; tell of the images done, then what came of it."""
    signal.signal(signal.SIGTERM, _end_in_order)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
    advance = _Advance(connection)
    with suppress(EOFError, ConnectionError):  # the parent was killed, or it would have ended us
        while True:
            share = connection.recv()
            outcome: Report | Exception
            try:
                outcome = task(share, advance)
            except Exception as error:
                error.add_note(traceback.format_exc())
                outcome = error
            advance.tell()
            connection.send(outcome)


class _Advance:
    """Adds up the images done, and tells of them now and then."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.images, self.told = connection, 0, time.monotonic()

    def __call__(self, images: int) -> None:
        self.images += images
        if time.monotonic() - self.told >= SECONDS_BETWEEN_WORDS:
            self.tell()

    def tell(self) -> None:
        self.connection.send(self.images)
        self.images, self.told = 0, time.monotonic()


def _end_in_order(*_: object) -> NoReturn:
    raise SystemExit
