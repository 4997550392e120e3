"""The directory of a finished run: result.json, model, statistics, report, manifest."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from ridge_spark.data.output import tell_of_leftovers
from ridge_spark.data.storage import (
    beside,
    download,
    exists,
    is_local,
    is_remote,
    locate,
    one_line,
    upload,
)
from ridge_spark.errors import InputError, require_text
from ridge_spark.model import Model
from ridge_spark.ridge import statistics_file
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.products import DualStatistics
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.runs import manifest as manifests
from ridge_spark.runs.manifest import MODEL, REPORT, RESULT, STATISTICS, File, RunFolder
from ridge_spark.runs.result import Result

log = logging.getLogger(__name__)

AnyStatistics = Statistics | DualStatistics
MOST_BYTES = 64 * 2**20  # of a result.json; a real one has a few thousand


@dataclass(frozen=True)
class Run:
    """A finished run.

    name    tells it from others that are shown beside it
    means   (k, d), the mean of what the model sees of each class's training images, and
    counts  (k,), how many these are; None where not known
    """

    name: str
    result: Result
    model: Model
    means: Float | None
    counts: NDArray[np.int64] | None = None


def require_free(out: str) -> None:
    """`InputError` unless a run can be written to `out`; nothing there is ever replaced.

    What is written at the end is tried now: work of hours must not end at a name that is too long.
    """
    if exists(out) or (is_local(out) and os.path.lexists(locate(out)[1])):  # a link to nothing
        raise InputError(f"--out {out}: exists already; choose another or remove it first")
    if is_local(out):
        tell_of_leftovers(out)
        target = Path(locate(out)[1])
        parent = next(folder for folder in target.parents if folder.exists())
        try:
            with tempfile.TemporaryDirectory(dir=parent) as folder:
                Path(folder, Path(beside(str(target))).name).mkdir()
        except OSError as error:
            raise InputError(f"--out {out}: can't be written ({one_line(error)})") from error


def write_run(
    out: str, result: Result, model: Model, statistics: AnyStatistics, page: str | None = None
) -> None:
    """Write the run directory beside `out`, then rename it (or upload it, if `out` is remote).

    Where that fails after all, the run goes to a temporary folder, which the `InputError` names.
    """
    write_to = partial(_write_files, result=result, model=model, statistics=statistics, page=page)
    try:
        if is_local(out):
            _write_here(Path(locate(out)[1]), write_to)
            return
        with tempfile.TemporaryDirectory() as folder:
            upload(write_to(Path(folder)), out)
    except (OSError, SafetensorError, InputError) as error:
        reason = str(error) if isinstance(error, InputError) else one_line(error)
        kept = _keep_elsewhere(write_to)
        raise InputError(f"--out {out}: can't be written ({reason}); {kept}") from error


def _write_here(target: Path, write_to: Callable[[Path], object]) -> None:
    unfinished = Path(beside(str(target)))
    try:
        unfinished.mkdir(parents=True)
        write_to(unfinished)
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _keep_elsewhere(write_to: Callable[[Path], object]) -> str:
    """Save the run in the temporary directory; returns where it is, for a person."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="ridge-spark-run-"))
        write_to(folder)
    except (OSError, SafetensorError) as error:
        return f"nor can a temporary folder ({one_line(error)}), so that the run is lost"
    return f"the run is kept in {folder}; move it to where it belongs"


def _write_files(
    folder: Path, result: Result, model: Model, statistics: AnyStatistics, page: str | None
) -> list[Path]:
    """Write all files, the manifest in the end; returns their paths in that order."""
    paths = [folder / name for name in (RESULT, MODEL, STATISTICS)]
    text = json.dumps(result.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
    paths[0].write_text(text + "\n", "utf-8")
    model.save(paths[1])
    statistics.save(paths[2], gram="gram" in result.statistics_kept)
    if page is not None:
        report = folder / REPORT
        try:
            report.write_text(page, "utf-8")
            paths.append(report)
        except OSError as error:  # the page can be drawn again, the run can't be had again
            report.unlink(missing_ok=True)
            log.warning(
                "warning: report.html could not be written (%s); make room and draw it with: "
                "ridge-spark report RUN", one_line(error),
            )  # fmt: skip
    mode = paths[0].stat().st_mode
    for path in paths:  # safetensors lets nobody else read what it writes
        path.chmod(mode)
    about = manifests.manifest_of(paths, result.model_sha256, result.statistics_sha256)
    paths.append(folder / manifests.NAME)
    paths[-1].write_bytes(about.to_json())
    return paths


def read_run(uri: str, *, means: bool = False) -> Run:
    """Read a run directory, here or remote, without its X'X, which may be large.

    Every file that is read is compared with the manifest. `means` asks for the mean images.
    `InputError` if it is no run, not all of one, or is damaged.
    """
    folder = RunFolder(uri)
    if folder.manifest is None:
        log.warning(
            "%s: has no %s, so that not all damage can be noticed; where it is known to be right, "
            "write one with: ridge-spark verify --write", uri, manifests.NAME,
        )  # fmt: skip
    result, model = read_result_and_model(folder)
    name = folder.uri.rpartition("/")[2] or uri
    found, counts = _read_means(folder, model) if means else (None, None)
    return Run(name, result, model, found, counts)


def read_result_and_model(folder: RunFolder) -> tuple[Result, Model]:
    with checked(folder, RESULT) as path:
        result = read_result(path, f"{folder.uri}/{RESULT}")
    with checked(folder, MODEL) as path:
        model = Model.load(path)
    of_model = (model.class_names, model.lam, model.sha256())
    if of_model != (result.classes, result.best_lambda, result.model_sha256):
        raise InputError(f"{folder.uri}: its model and its {RESULT} do not belong together")
    return result, model


def read_runs(uris: Sequence[str]) -> list[Run]:
    """Several runs with their means; those of the same name are called by their addresses."""
    runs = [read_run(uri, means=True) for uri in uris]
    often = Counter(run.name for run in runs)
    return [
        replace(run, name=uri) if often[run.name] > 1 else run
        for uri, run in zip(uris, runs, strict=True)
    ]


def read_result(path: Path, name: str = "") -> Result:
    """Read a result.json; `InputError` if it holds nothing that a run can have written."""
    name = name or str(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError("it is far too large")
        about = json.loads(path.read_text("utf-8"))
        require_text(about)
        return Result.from_json(about)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{name}: not a result of this program ({one_line(error)}); train again"
        ) from error


def read_statistics(uri: str, result: Result) -> Statistics:
    """The statistics that a run was solved from; `InputError` if they are not those of `result`.

    Or if it has none to add to.
    """
    if result.side != "primal":
        raise InputError(
            f"{uri}: was solved on the {result.side} side, from which no image can be taken and to "
            "which none can be added; train again with all images, or with --side primal, whose "
            "runs can be updated"
        )
    if "gram" not in result.statistics_kept:
        size = statistics_file.file_bytes(len(result.classes), result.d, gram=True) / 1e9
        raise InputError(
            f"{uri}: its statistics were not kept, as they take {size:.1f} GB; train again with "
            "--keep-statistics"
        )
    with _copied(uri, STATISTICS) as path:
        statistics = Statistics.load(path)
    if statistics.sha256() != result.statistics_sha256:
        raise InputError(
            f"{uri}/{STATISTICS}: is damaged or of another run, its hash is not that in {RESULT}; "
            "train again"
        )
    return statistics


def _read_means(folder: RunFolder, model: Model) -> tuple[Float | None, NDArray[np.int64] | None]:
    from safetensors import safe_open

    with checked(folder, STATISTICS) as path:
        try:
            with safe_open(path, framework="numpy") as file:
                counts, sums = file.get_tensor("counts"), file.get_tensor("sums")
        except (SafetensorError, OSError):
            return None, None
    fits = sums.shape == model.coef.shape and counts.shape == (len(sums),) and counts.min() > 0
    return (sums / counts[:, None], counts) if fits else (None, None)


@contextmanager
def checked(folder: RunFolder, name: str) -> Iterator[Path]:
    """The path on this machine of a file of a run that is, as far as can be told, as written."""
    with _copied(folder.uri, name) as path:
        if folder.manifest is not None:
            folder.manifest.require_same(File.of(path), folder.uri)
        yield path


def _copied(uri: str, name: str) -> AbstractContextManager[Path]:
    return open_file(
        f"{uri.rstrip('/')}/{name}",
        f"{uri}: not a run directory, {name} is missing; give the --out of a training run",
    )


@contextmanager
def open_file(uri: str, missing: str) -> Iterator[Path]:
    """Give the path on this machine of a file that may be remote; `InputError` without one."""
    if not is_remote(uri):
        if not Path(uri).is_file():
            raise InputError(missing)
        yield Path(uri)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / uri.rpartition("/")[2]
        if not download(uri, path):
            raise InputError(missing)
        yield path
