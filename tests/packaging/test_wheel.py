"""What is published: a wheel that works in a bare environment, and extras that are told of."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from ridge_spark.extras import EXTRAS
from tests.importing.pictures import write_classes
from tests.support import ROOT, assert_refused

SOURCES = ("ridge_spark", "mpi_hybrid", "pyproject.toml", "README.md", "LICENSE")
NOT_FOR_ALL = {"pyspark", "boto3", "scikit-learn", "matplotlib", "jinja2", "onnx", "mpi4py"}


def run(*command: object, **keywords: object) -> subprocess.CompletedProcess[str]:
    settings = {"capture_output": True, "text": True, "timeout": 600, **keywords}
    return subprocess.run([str(word) for word in command], check=False, **settings)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, as building leaves things behind."""
    folder = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name,
                            ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
        else:
            shutil.copy(ROOT / name, folder)
    done = run(sys.executable, "-m", "build", "--no-isolation", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((folder / "dist").glob("*.tar.gz"))) == 1
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment with the wheel and what that asks for; nothing of this checkout."""
    folder = tmp_path_factory.mktemp("fresh")
    uv = Path(sys.executable).with_name("uv")
    assert run(uv, "venv", "--python", sys.executable, folder / "venv").returncode == 0
    done = run(uv, "pip", "install", "--python", folder / "venv" / "bin" / "python", wheel,
               "--constraint", ROOT / "constraints.txt")  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "venv"


@pytest.fixture
def command(installed, home, tmp_path):
    """Run the installed `ridge-spark` in an empty folder, with nothing of this checkout."""

    def run_there(*arguments, program="ridge-spark"):
        return run(installed / "bin" / program, *arguments, cwd=tmp_path,
                   env={"HOME": str(home), "PATH": "/usr/bin:/bin"})  # fmt: skip

    return run_there


def test_what_is_in_the_wheel(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in ("ridge_spark/py.typed", "mpi_hybrid/py.typed", "ridge_spark/report/style.css",
                   "ridge_spark/report/page.html"):  # fmt: skip
        assert wanted in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {
        "ridge_spark", "mpi_hybrid",
    }  # fmt: skip


@pytest.mark.slow
class TestInstalled:
    def test_brings_only_what_the_local_engine_needs(self, installed):
        uv = Path(sys.executable).with_name("uv")
        done = run(uv, "pip", "list", "--python", installed / "bin" / "python", "--format", "json")
        names = set(re.findall(r'"name":"([^"]+)"', done.stdout))
        assert {"ridge-spark", "numpy", "numba", "pyarrow", "pooch"} <= names
        assert not names & NOT_FOR_ALL

    def test_imports_trains_and_predicts_without_a_page(self, command, tmp_path):
        write_classes(tmp_path / "png", {"ant": 40, "bee": 40}, 20, 16)
        prepare = ("--size", "8x8", "--gray")
        assert command("import", "folder", "png", *prepare, "--out", "data").returncode == 0
        done = command("train", "--data", "data", "--out", "run")
        assert done.returncode == 0, done.stderr
        told = [line for line in done.stderr.splitlines() if "report.html" in line]
        assert len(told) == 1
        assert "pip install 'ridge-spark[report]'" in told[0]
        assert "Traceback" not in done.stderr
        picture = next((tmp_path / "png" / "ant").iterdir())
        done = command("predict", "--model", "run", picture)
        assert (done.returncode, done.stdout.split("\t")[1]) == (0, "ant"), done.stderr
        done = command("evaluate", "--model", "run", "--data", "data")
        assert done.returncode == 0, done.stderr

        refused = {
            "spark": ("train", "--engine", "inner", "--data", "data", "--out", "other"),
            "report": ("report", "run"),
            "onnx": ("export", "--model", "run", "--onnx", "model.onnx"),
        }
        for extra, arguments in refused.items():
            done = command(*arguments)
            assert_refused(done, f"pip install 'ridge-spark[{extra}]'")
        assert not (tmp_path / "other").exists()

    def test_says_which_extra_python_code_lacks(self, command):
        done = command("-c", "from ridge_spark import Model, RidgeClassifier", program="python")
        assert done.stderr.splitlines()[-1].endswith("pip install 'ridge-spark[sklearn]'")
        done = command("-m", "mpi_hybrid", "data", "--data", "d", "--out", "o", program="python")
        assert done.returncode == 2
        assert "pip install 'ridge-spark[mpi]'" in done.stderr
        assert "Traceback" not in done.stderr


def requirements(lines):
    return {line.strip() for line in lines if line.strip() and not line.startswith(("#", "-"))}


class TestRequirements:
    @pytest.fixture
    def project(self):
        return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def test_those_of_make_are_those_of_the_package(self, project):
        listed = requirements((ROOT / "requirements.txt").read_text().splitlines())
        extras = project["optional-dependencies"]
        asked = {*project["dependencies"]}
        for name in ("spark", "report", "sklearn", "emr"):
            asked |= {*extras[name]}
        assert listed == asked
        dev = requirements((ROOT / "requirements-dev.txt").read_text().splitlines())
        assert set(extras["onnx"]) <= dev
        mpi = requirements((ROOT / "requirements-mpi.txt").read_text().splitlines())
        assert set(extras["mpi"]) <= mpi

    def test_every_extra_is_in_all_and_named_where_it_is_missing(self, project):
        extras = project["optional-dependencies"]
        (everything,) = extras.pop("all")
        assert set(re.findall(r"[\w-]+", everything.partition("[")[2])) == set(extras)
        assert set(EXTRAS.values()) == set(extras)
