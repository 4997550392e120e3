"""A folder of temporary files goes with its owner, or with the next one if the owner was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import closing

import pytest

from ridge_spark.data.scratch import PREFIX, Scratch, sweep
from tests.support import ROOT

OWNER = """
import signal
from ridge_spark.data.scratch import Scratch
scratch = Scratch()
(scratch.path / "images").write_bytes(bytes(1000))
print(scratch.path, flush=True)
signal.pause()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_gone_once_it_is_closed(temporary):
    with closing(Scratch()) as scratch:
        (scratch.path / "sub").mkdir()
        sweep()
        assert (scratch.path / "sub").is_dir()
    assert list(temporary.iterdir()) == []


def test_that_of_a_killed_owner_goes_with_the_next_and_no_other(temporary, caplog):
    owners = [
        subprocess.Popen(
            [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)},
        )
        for _ in range(2)
    ]  # fmt: skip
    try:
        killed, alive = (owner.stdout.readline().strip() for owner in owners)
        owners[0].send_signal(signal.SIGKILL)
        owners[0].wait()
        (temporary / f"{PREFIX}of-someone").mkdir()  # without a lock: nobody can tell
        with closing(Scratch()):
            assert not os.path.exists(killed)
            assert os.path.exists(f"{alive}/images")
            assert (temporary / f"{PREFIX}of-someone").is_dir()
        assert f"{killed}: left by a run that was killed; removed" in caplog.text
    finally:
        for owner in owners:
            owner.kill()
            owner.wait()
            owner.stdout.close()


def test_a_link_to_elsewhere_is_not_followed(temporary, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "lock").touch()
    (temporary / f"{PREFIX}link").symlink_to(elsewhere)
    sweep()
    assert (elsewhere / "lock").exists()
