"""Every command of README.md and docs/ works, in the order of the page, for a newcomer."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ridge_spark.engines.java import find_java
from tests.docs.pages import command_blocks
from tests.support import JAVA, ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LEFT_OUT = {"data", "runs", "figures", "dist", "build", "tests"}
OF_AN_ENVIRONMENT = ("bin", "lib", "include", "pyvenv.cfg")
HANGS = 1800  # seconds that only a page that hangs takes


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The project as someone has it who has just set it up: its files, and .venv with MPI."""
    clone = tmp_path / "ridge-spark"
    clone.mkdir()
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy2(path, clone)
        elif path.name not in LEFT_OUT and path.name[0] != ".":
            shutil.copytree(path, clone / path.name, ignore=shutil.ignore_patterns("__pycache__"))
    (clone / ".venv").mkdir()
    for name in OF_AN_ENVIRONMENT:
        (clone / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    for stamp in (".program", ".ready", ".mpi-ready"):
        (clone / ".venv" / stamp).touch()
    return clone


@pytest.fixture
def newcomer(tmp_path: Path, mnist_files: Path) -> dict[str, str]:
    """The environment of someone with an empty home, but for the files of MNIST."""
    home = tmp_path / "home"
    shutil.copytree(mnist_files, home / ".cache" / "ridge-spark" / "mnist")
    pip = Path(os.environ.get("PIP_CACHE_DIR") or Path.home() / ".cache" / "pip")
    return {**JAVA, "HOME": str(home), "PATH": os.defpath, "JAVA_HOME": str(find_java()),
            "PIP_CACHE_DIR": str(pip)}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(HANGS)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_from_top_to_bottom(page, clone, newcomer, mnist):
    blocks = [block for block in command_blocks(page) if not block.needs]
    if not blocks:
        pytest.skip("nothing on it that could be run here")
    if page.name != "README.md":  # the other pages are for those who have read that
        (clone / "data").mkdir()
        (clone / "data" / "mnist").symlink_to(mnist)
        activate = ["source .venv/bin/activate"]
    else:
        activate = []
    script = ["set -euo pipefail", *activate]
    for block in blocks:
        script.append(f"echo '== {page.name}:{block.line}' >&2")
        script.append(
            block.text if block.language == "sh" else f"python -c {shlex.quote(block.text)}"
        )
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=clone, env=newcomer,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    if page.name == "README.md":
        shown = re.search(r"^    (examples/digit\.png\t.*)$", page.read_text(), re.MULTILINE)
        assert shown
        assert f"\n{shown[1]}\n" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    inside = (target for target in targets if "://" not in target)
    missing = [target for target in inside if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_command_hides_in_a_block_that_is_not_run(page):
    run = {line for block in command_blocks(page) for line in block.text.split("\n")}
    commands = re.findall(r"^(?:    )?((?:ridge-spark|spark-submit|mpirun) .*)$", page.read_text(),
                          re.MULTILINE)  # fmt: skip
    assert set(commands) <= run
