"""Whether a run is, byte for byte, what its manifest says; and a manifest for one without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ridge_spark.data.storage import is_local, write_beside
from ridge_spark.errors import InputError
from ridge_spark.runs import manifest as manifests
from ridge_spark.runs.directory import checked, read_result_and_model, read_statistics
from ridge_spark.runs.manifest import REPORT, RESULT, File, RunFolder
from ridge_spark.runs.result import Result


def verify_run(uri: str) -> int:
    """Compare all files with the manifest and with one another; returns how many there are.

    `InputError` names the first that is not as it was written.
    """
    folder = RunFolder(uri)
    if folder.manifest is None:
        raise InputError(
            f"{uri}: has no {manifests.NAME} to compare it with; where it is known to be right, "
            f"write one with: ridge-spark verify --write {uri}"
        )
    for file in folder.manifest.files:
        with checked(folder, file.name):
            pass
    result, _ = read_result_and_model(folder)
    if _can_be_added_to(result):
        read_statistics(uri, result)
    told = (folder.manifest.model_sha256, folder.manifest.statistics_sha256)
    if told != (result.model_sha256, result.statistics_sha256):
        raise InputError(f"{uri}: its {manifests.NAME} and its {RESULT} do not belong together")
    return 1 + len(folder.manifest.files)


def write_run_manifest(uri: str) -> int:
    """Write the manifest of a run that has none, once its files are seen to belong together.

    Returns how many files it lists.
    """
    folder = RunFolder(uri)
    if folder.manifest is not None:
        raise InputError(f"{uri}: has a {manifests.NAME} already; check it without --write")
    if not is_local(uri):
        raise InputError(f"{uri}: copy the run to this machine, add its manifest, copy it back")
    result, _ = read_result_and_model(folder)
    if _can_be_added_to(result):
        read_statistics(uri, result)
    names = [*manifests.NEEDED, REPORT]
    paths = [path for name in names if (path := Path(folder.path, name)).is_file()]
    about = manifests.manifest_of(paths, result.model_sha256, result.statistics_sha256)
    write_beside(folder.path, manifests.NAME, about.to_json())
    return len(about.files)


def write_report(uri: str, page: str) -> Path:
    """Replace the page of a run on this machine, and what its manifest says of it."""
    folder = RunFolder(uri)
    path = Path(folder.path, REPORT)
    write_beside(folder.path, REPORT, page.encode())
    if folder.manifest is not None:
        others = (file for file in folder.manifest.files if file.name != REPORT)
        about = replace(folder.manifest, files=(*others, File.of(path)))
        write_beside(folder.path, manifests.NAME, about.to_json())
    return path


def _can_be_added_to(result: Result) -> bool:
    """Whether its statistics are all there; of others, the manifest has the hash of what is."""
    return result.side == "primal" and "gram" in result.statistics_kept
