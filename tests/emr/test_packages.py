"""What travels to AWS: the code, the nodes' wheels, the certificate."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from emr import wheels
from emr.certificates import make_certificates
from emr.errors import EmrError
from emr.package import ROOT, code_files, package_code, sha256, write_zip
from tests.emr.tools import ARCHITECTURE, REGION, bootstrap


def test_the_zip_depends_on_contents_alone(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for path in reversed(code_files()):
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        target.chmod(0o600)
        os.utime(target, (1, 1))
    first = package_code(tmp_path / "dist")
    second = write_zip(tmp_path / "again.zip", code_files(copy), copy)
    assert first.read_bytes() == second.read_bytes()
    (copy / "ridge_spark" / "errors.py").write_text("changed = True\n")
    third = write_zip(tmp_path / "third.zip", code_files(copy), copy)
    assert third.read_bytes() != first.read_bytes()


def test_the_zip_holds_the_package_and_python_imports_it_from_there(tmp_path: Path) -> None:
    archive = package_code(tmp_path)
    names = zipfile.ZipFile(archive).namelist()
    assert "ridge_spark/__init__.py" in names
    assert all(name.startswith("ridge_spark/") for name in names)
    assert not [name for name in names if "__pycache__" in name]
    code = "import ridge_spark.cli as cli; print(cli.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(archive), "PATH": os.environ["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(archive))


def test_code_from_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmrError, match="no Python files"):
        code_files(tmp_path)


def test_every_requirement_is_pinned_with_a_hash_for_both_processors() -> None:
    text = wheels.REQUIREMENTS.read_text()
    wanted = [
        line
        for line in (wheels.HERE / "requirements.in").read_text().splitlines()
        if line[:1] != "#"
    ]
    blocks = re.split(r"\n(?=\w)", text)[1:]
    names = [re.match(r"([\w-]+)==[\w.]+ \\\n", block) for block in blocks]
    assert all(names)
    assert {name[1] for name in names if name} >= set(wanted)
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text


def test_locking_pins_the_versions_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = wheels.REQUIREMENTS.read_text()
    monkeypatch.setattr(wheels, "REQUIREMENTS", tmp_path / "requirements.txt")
    versions = re.compile(r"^[\w-]+==[\w.]+", re.MULTILINE)
    found = wheels.lock().read_text()
    assert versions.findall(found) == versions.findall(pinned)
    assert "://" not in found
    monkeypatch.setattr(wheels, "SOURCE", tmp_path / "requirements.in")
    wheels.SOURCE.write_text("numpy==0.0.1\n")
    with pytest.raises(EmrError, match=r"requirements\.in: can't be pinned for aarch64: .*numpy"):
        wheels.lock()


def test_the_pins_agree_with_those_of_the_project() -> None:
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", wheels.REQUIREMENTS.read_text(), re.MULTILINE))
    constraints = (ROOT / "constraints.txt").read_text()
    project = dict(re.findall(r"^([\w-]+)==([\w.]+)", constraints, re.MULTILINE))
    shared = pins.keys() & project.keys()
    assert {"numpy", "scipy", "numba", "pyarrow"} <= shared
    assert {name: pins[name] for name in shared} == {name: project[name] for name in shared}


def test_a_wheel_with_another_hash_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered = tmp_path / "requirements.txt"
    altered.write_text("threadpoolctl==3.8.0 --hash=sha256:" + 64 * "0" + "\n")
    monkeypatch.setattr(wheels, "REQUIREMENTS", altered)
    with pytest.raises(EmrError, match="the wheels for aarch64 can't be had"):
        wheels.package_wheels("aarch64", tmp_path)
    assert not list(tmp_path.glob("wheels*"))


def test_the_wheels_are_built_once_and_for_the_other_processor_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = re.search(r"safetensors==(?:.*\n?)(?:    .*\n?)+", wheels.REQUIREMENTS.read_text())
    assert pin
    small = tmp_path / "requirements.txt"
    small.write_text(pin[0].rstrip("\\\n") + "\n")
    monkeypatch.setattr(wheels, "REQUIREMENTS", small)
    first = wheels.package_wheels("aarch64", tmp_path / "one")
    with tarfile.open(first) as archive:
        names = archive.getnames()
    assert names[0] == "requirements.txt"
    assert "aarch64" in names[1]
    made = first.stat().st_mtime_ns
    assert wheels.package_wheels("aarch64", tmp_path / "one").stat().st_mtime_ns == made
    again = wheels.package_wheels("aarch64", tmp_path / "two")
    assert again.read_bytes() == first.read_bytes()
    environment = wheels.package_environment("x86_64", tmp_path / "one")
    with tarfile.open(environment) as archive:
        members = {member.name: member for member in archive.getmembers()}
    assert members["bin/python"].mode & stat.S_IXUSR
    assert "site-packages/safetensors/__init__.py" in members


def test_the_certificate_is_for_the_nodes_of_the_region_and_for_the_owner_s_eyes(
    tmp_path: Path,
) -> None:
    made = make_certificates("eu-west-1", tmp_path / "certificates.zip")
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    zipfile.ZipFile(made).extractall(tmp_path)
    text = subprocess.run(
        ["openssl", "x509", "-in", tmp_path / "certificateChain.pem", "-noout", "-text"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "DNS:*.eu-west-1.compute.internal" in text
    assert (tmp_path / "privateKey.pem").read_text().startswith("-----BEGIN PRIVATE KEY")
    assert (tmp_path / "trustedCertificates.pem").exists()


def test_the_bootstrap_does_nothing_the_second_time(
    aws_command: Path, node_python: Path, dist: Path
) -> None:
    digest = sha256(wheels.package_wheels(ARCHITECTURE, dist))
    prefix = node_python.parent.parent
    done = bootstrap(aws_command, "s3://environments/is-not-asked-for", digest, REGION, prefix)
    assert done.returncode == 0
    assert "nothing to do" in done.stdout
    assert f"{prefix} is ready" in done.stdout


def test_a_failed_bootstrap_says_so_and_leaves_the_environment_alone(
    aws_command: Path, node_python: Path
) -> None:
    prefix = node_python.parent.parent
    before = prefix.resolve()
    done = bootstrap(aws_command, "s3://environments/nothing-here", "0" * 64, REGION, prefix)
    assert done.returncode != 0
    assert "failed at line" in done.stderr
    done = bootstrap(aws_command, "s3://environments/wheels.tar", "1" * 64, REGION, prefix)
    assert done.returncode == 1
    assert "is not the archive this cluster was made for" in done.stderr
    assert prefix.resolve() == before
    assert not list(prefix.parent.glob("*.d/1*"))


def test_a_node_without_python_3_11_is_told_at_once(tmp_path: Path, aws_command: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "date", "env"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    done = bootstrap(aws_command, "s3://a/b", "0" * 64, REGION, tmp_path / "opt", PATH=str(tools))
    assert done.returncode == 1
    assert "no python3.11 on this node" in done.stderr
    assert bootstrap(aws_command).returncode == 1
