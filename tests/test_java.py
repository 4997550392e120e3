"""Java is looked for where people have it, and its absence is one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ridge_spark.engines import java
from ridge_spark.errors import InputError
from tests.support import ROOT, assert_refused

OPENJDK_21 = 'openjdk version "21.0.4" 2024-07-16'
OPENJDK_17 = 'openjdk version "17.0.15" 2025-04-15'
EARLY_ACCESS = 'openjdk version "26-ea" 2026-03-17'
JAVA_11 = 'openjdk version "11.0.2" 2019-01-15'
JAVA_8 = 'java version "1.8.0_292"'


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine without any Java."""
    for name in ("empty", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return tmp_path


def install(home: Path, told: str, status: int = 0) -> Path:
    """A `java` in `home` that tells this version."""
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\necho '{told}' >&2\nexit {status}\n")
    executable.chmod(0o755)
    return home


def test_none_is_found_where_there_is_none():
    assert java.find_java() is None


@pytest.mark.parametrize("told", [OPENJDK_17, OPENJDK_21, EARLY_ACCESS])
def test_java_home_is_used(machine, monkeypatch, told):
    monkeypatch.setenv("JAVA_HOME", str(install(machine / "jdk", told)))
    assert java.find_java() == machine / "jdk"


def test_the_path_is_searched_and_links_followed(machine, monkeypatch):
    """As Debian has it: /usr/bin/java is a link, and Spark needs the home itself."""
    home = install(machine / "jvm" / "java-21", OPENJDK_21)
    (machine / "bin").mkdir()
    (machine / "bin" / "java").symlink_to(home / "bin" / "java")
    monkeypatch.setenv("PATH", str(machine / "bin"))
    assert java.find_java() == home


def test_the_user_s_own_is_found(machine):
    install(machine / "home" / ".jdk" / "jdk-11.0.2", JAVA_11)
    install(machine / "home" / ".jdk" / "jdk-21.0.4-jre", OPENJDK_21)
    assert java.find_java() == machine / "home" / ".jdk" / "jdk-21.0.4-jre"


def test_java_home_comes_before_the_path(machine, monkeypatch):
    install(machine / "first", OPENJDK_17)
    install(machine / "second", OPENJDK_21)
    monkeypatch.setenv("JAVA_HOME", str(machine / "first"))
    monkeypatch.setenv("PATH", str(machine / "second" / "bin"))
    assert java.find_java() == machine / "first"


@pytest.mark.parametrize("told", [JAVA_11, JAVA_8, "nonsense", ""])
def test_an_old_one_is_passed_over_for_one_that_will_do(machine, monkeypatch, told):
    monkeypatch.setenv("JAVA_HOME", str(install(machine / "old", told)))
    monkeypatch.setenv("PATH", str(install(machine / "new", OPENJDK_17) / "bin"))
    assert java.find_java() == machine / "new"


def test_one_that_does_not_run_is_passed_over(machine, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(install(machine / "broken", OPENJDK_21, status=1)))
    assert java.find_java() is None
    (machine / "broken" / "bin" / "java").chmod(0o644)
    assert java.find_java() is None


def test_it_is_set_for_spark(machine, monkeypatch):
    home = install(machine / "home" / ".jdk" / "jdk-21", OPENJDK_21)
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    java.use_java()
    assert os.environ["JAVA_HOME"] == str(home)


def test_without_any_the_remedy_is_told():
    with pytest.raises(InputError, match=r"install Java 17 or newer.* or run: make setup"):
        java.use_java()


def test_an_old_one_is_named(machine, monkeypatch):
    """Someone who has a Java must not be told that there is none."""
    monkeypatch.setenv("JAVA_HOME", str(install(machine / "old", JAVA_11)))
    with pytest.raises(InputError, match=r"Java 11 .*old.*install Java 17 or newer"):
        java.use_java()


def test_the_spark_engines_say_so_in_one_line(ridge_spark, environment, machine, small_data):
    bare = {**environment, "PATH": str(machine / "empty")}
    for engine in ("outer", "inner"):
        done = ridge_spark("train", "--engine", engine, "--data", small_data, "--out", "run",
                           env=bare)  # fmt: skip
        assert_refused(done, "install Java 17 or newer")
        assert not (machine / "run").exists()


def ask(machine, *search):
    """What `make` asks."""
    path = os.pathsep.join(map(str, search))
    return subprocess.run(
        [sys.executable, "-m", "ridge_spark.engines.java"], cwd=ROOT, text=True,
        env={"PATH": path, "HOME": str(machine / "home")}, capture_output=True, check=False,
    )  # fmt: skip


def test_make_is_told_the_home(machine):
    home = install(machine / "jdk", OPENJDK_21)
    done = ask(machine, home / "bin")
    assert (done.returncode, done.stdout) == (0, f"{home}\n")
