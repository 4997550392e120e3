"""What the nodes install: pinned wheels, in a tar for a cluster, unpacked for serverless."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from emr.errors import EmrError
from emr.package import ROOT, sha256

HERE = Path(__file__).parent
SOURCE = HERE / "requirements.in"  # what REQUIREMENTS pins
REQUIREMENTS = HERE / "requirements.txt"
PYTHON = "3.11"  # the one Python that emr-7.x and emr-spark-8.x have in common
ARCHITECTURES = ("aarch64", "x86_64")
GLIBC = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")  # AL2023 has 2.34
FAST = 1  # shared libraries hardly get smaller with more effort

Entry = tuple[str, bytes, int]  # name in the archive, content, mode


def lock() -> Path:
    """Pin `requirements.in` with the SHA-256 of every wheel, alike for both architectures."""
    pinned = {architecture: _compiled(architecture) for architecture in ARCHITECTURES}
    if len(set(pinned.values())) > 1:
        raise EmrError(f"{SOURCE}: resolves to other packages on {' than on '.join(pinned)}")
    heading = (
        "# Made by `python -m emr lock` from requirements.in: wheels for Python 3.11 on Linux.\n"
    )
    REQUIREMENTS.write_text(heading + pinned[ARCHITECTURES[0]])
    return REQUIREMENTS


def _compiled(architecture: str) -> str:
    """What uv makes of `requirements.in` for one architecture; no addresses are in it."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", str(SOURCE)]
    command += ["--generate-hashes", "--only-binary=:all:", "--no-annotate", "--no-header"]
    command += [f"--python-version={PYTHON}", f"--python-platform={architecture}-{GLIBC[0]}"]
    constraints = ROOT / "constraints.txt"
    done = subprocess.run(
        [*command, *(["--constraint", str(constraints)] if constraints.exists() else [])],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = " ".join(done.stderr.split()) or "uv gave no reason"
        raise EmrError(f"{SOURCE}: can't be pinned for {architecture}: {reason}")
    return done.stdout


def package_wheels(architecture: str, dist: Path) -> Path:
    """Build `wheels-ARCHITECTURE.tar` for bootstrap.sh: the pinned wheels and their requirements.

    Built once for a requirements file: the second call returns what the first one made.
    """

    def entries(wheels: list[Path]) -> list[Entry]:
        listed = [(f"wheels/{wheel.name}", wheel.read_bytes(), 0o644) for wheel in wheels]
        return [("requirements.txt", REQUIREMENTS.read_bytes(), 0o644), *listed]

    return _package(dist / f"wheels-{architecture}.tar", architecture, entries)


def package_environment(architecture: str, dist: Path) -> Path:
    """Build `environment-ARCHITECTURE.tar.gz` for EMR Serverless, which has no bootstrap action.

    It holds the wheels unpacked and a `bin/python` that runs the image's Python 3.11 on them, so it
    can be built on any machine for any other.
    """

    def entries(wheels: list[Path]) -> list[Entry]:
        launcher = (HERE / "python.sh").read_bytes()
        return [("bin/python", launcher, 0o755), *_unpacked(wheels)]

    return _package(dist / f"environment-{architecture}.tar.gz", architecture, entries)


def _package(out: Path, architecture: str, entries: Callable[[list[Path]], list[Entry]]) -> Path:
    stamp = out.with_name(f".{out.name}.of")
    wanted = sha256(REQUIREMENTS) + sha256(HERE / "python.sh")
    if out.exists() and stamp.exists() and stamp.read_text() == wanted:
        return out
    with tempfile.TemporaryDirectory(dir=_made(out.parent)) as folder:
        _download(architecture, Path(folder), ["--require-hashes", "-r", str(REQUIREMENTS)])
        _write_tar(out, entries(sorted(Path(folder).glob("*.whl"))))
    stamp.write_text(wanted)
    return out


def _download(architecture: str, folder: Path, what: list[str]) -> None:
    platforms = [f"--platform={glibc}_{architecture}" for glibc in GLIBC]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}"]
    done = subprocess.run(
        [*command, *platforms, "--dest", str(folder), *what],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = (reasons or done.stderr.splitlines() or ["pip gave no reason"])[-1]
        raise EmrError(f"{REQUIREMENTS}: the wheels for {architecture} can't be had: {reason}")


def _unpacked(wheels: list[Path]) -> list[Entry]:
    entries = []
    for wheel in wheels:
        if wheel.name.startswith("pip-"):
            continue  # nothing is installed there
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if not name.endswith("/"):
                    entries.append((f"site-packages/{name}", archive.read(name), 0o644))
    return entries


def _write_tar(out: Path, entries: Iterable[Entry]) -> None:
    partial = out.with_name(f".{out.name}.{os.getpid()}")
    with open(partial, "wb") as raw:
        compressed = out.suffix == ".gz"
        stream = gzip.GzipFile("", "wb", FAST, raw, mtime=0) if compressed else raw
        with stream, tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content, mode in sorted(entries):
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode, entry.mtime = len(content), mode, 0
                archive.addfile(entry, io.BytesIO(content))
    partial.replace(out)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
