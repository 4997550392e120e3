"""Every command of README.md and docs/ works, in the order of the page, for a newcomer."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from ridge_spark.engines.java import find_java
from tests.docs.pages import COMMANDS, command_blocks
from tests.support import JAVA, ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LEFT_OUT = {"data", "runs", "figures", "dist", "build", "tests"}
NOBODY = 65534
OF_AN_ENVIRONMENT = ("bin", "lib", "include", "pyvenv.cfg")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may enter, as tmp_path is not."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def clone(place: Path) -> Path:
    """The project as someone has it who has just set it up: its files, and .venv with MPI."""
    clone = place / "ridge-spark"
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
def newcomer(place: Path, mnist_files: Path) -> dict[str, str]:
    """The environment of someone with an empty home, but for the files of MNIST."""
    home = place / "home"
    shutil.copytree(mnist_files, home / ".cache" / "ridge-spark" / "mnist")
    pip = Path(os.environ.get("PIP_CACHE_DIR") or Path.home() / ".cache" / "pip")
    # A shell that is not make's own has it leave all to that: it would ask by access(2) whether a
    # program may be run, which knows nothing of the leave that `as_nobody` gives.
    return {**JAVA, "HOME": str(home), "PATH": os.defpath, "JAVA_HOME": str(find_java()),
            "PIP_CACHE_DIR": str(pip), "MAKEFLAGS": "-- SHELL=/bin/bash"}  # fmt: skip


@pytest.mark.slow
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
    status, output = on_a_terminal("\n".join(script), clone, newcomer, [mnist, clone.parents[1]])
    assert status == 0, output[-4000:]
    if page.name == "README.md":
        shown = re.search(r"^    (examples/digit\.png\t.*)$", page.read_text(), re.MULTILINE)
        assert shown
        assert f"\n{shown[1]}\n" in output


def on_a_terminal(
    script: str, folder: Path, environment: dict[str, str], reading: Sequence[Path]
) -> tuple[int, str]:
    """Run a script of bash on a terminal of 80 x 24, and as nobody where we are root."""
    way = as_nobody(reading)
    if way:
        for path in (folder.parent, *folder.parent.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    ours, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    with subprocess.Popen(
        [*way, "bash", "-c", script], cwd=folder, env={**environment, "TERM": "xterm"},
        stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal,
    ) as shell:  # fmt: skip
        os.close(terminal)
        output = b"".join(iter(partial(_read, ours), b""))
    os.close(ours)
    return shell.returncode, output.decode(errors="replace").replace("\r\n", "\n")


def as_nobody(reading: Sequence[Path]) -> list[str]:
    """What to begin a command with that nobody is to run who may use this Python and read that;
    nothing where we are not root, or can't be anybody else.

    Where Python is in the home of root, nobody needs leave to read it, and gets no other.
    """
    nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    listing = f"import os; [os.listdir(folder) for folder in {[*map(str, reading)]}]"
    for leave in ([], ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]):
        way = [*nobody, *leave]
        command = [*way, "bash", "-c", shlex.join([sys.executable, "-c", listing])]
        with suppress(OSError):
            if (
                os.geteuid() == 0
                and not subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode
            ):
                return way
    return []


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 2**16)
    except OSError:  # which is how a terminal of Linux ends
        return b""


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
    names = "|".join((*COMMANDS, "from", "import"))
    indented = re.findall(rf"^    ((?:{names}) .*)$", page.read_text(), re.MULTILINE)
    python = [line for block in command_blocks(page) if block.language == "python"
              for line in re.findall(r"^    (.*)$", block.text, re.MULTILINE)]  # fmt: skip
    assert {*commands, *indented} <= run | set(python)
