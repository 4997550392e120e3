"""The Java that Spark needs: found on the machine, or installed where that can be done.

`python -m ridge_spark.engines.java` prints a JAVA_HOME, after installing Java if there is none.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ridge_spark.errors import InputError

OLDEST, PREFERRED = 17, 21
DEBIAN_PACKAGES = ("openjdk-21-jre-headless", "openjdk-17-jre-headless")
REMEDY = f"install Java {OLDEST} or newer (a JRE is enough) and set JAVA_HOME to where it is"


def find_java() -> Path | None:
    """The home of a Java that Spark can use: from JAVA_HOME, the PATH or the user's ~/.jdk."""
    return next((home for home in _homes() if _version(home) >= OLDEST), None)


def _homes() -> list[Path]:
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    if on_path:
        homes.append(Path(on_path).resolve().parent.parent)
    return homes + sorted((Path.home() / ".jdk").glob("*"), reverse=True)


def use_java() -> None:
    """Set JAVA_HOME for Spark; `InputError` if there is no Java it can use."""
    home = find_java()
    if home is None:
        raise InputError(f"Spark needs Java, and {_what_there_is()}: {REMEDY}, or run: make setup")
    os.environ["JAVA_HOME"] = str(home)


def install_java() -> Path:
    """Install Java: the distribution's package where that is allowed, else into ~/.jdk."""
    failures = []
    for name, install in (("apt-get", _install_debian_package), ("install-jdk", _install_jdk)):
        try:
            install()
        except (OSError, subprocess.SubprocessError, ImportError, RuntimeError) as error:
            failures.append(f"{name}: {str(error).splitlines()[0]}")
        home = find_java()
        if home:
            return home
    raise InputError(f"Java can't be installed here ({'; '.join(failures)}): {REMEDY}")


def _what_there_is() -> str:
    old = ((_version(home), home) for home in _homes())
    found = next((f"Java {version} in {home} is too old" for version, home in old if version), None)
    return found or "there is none"


def _version(home: Path) -> int:
    """The feature release of the Java in `home`, such as 17; 0 if there is none that runs."""
    try:
        told = subprocess.run(
            [home / "bin" / "java", "-version"], capture_output=True, text=True, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r'version "(\d+)', told)
    return int(found.group(1)) if found else 0


def _install_debian_package() -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise OSError("needs root on a Debian-like system")
    print("installing Java with apt-get", file=sys.stderr)
    apt: dict[str, Any] = {
        "capture_output": True,
        "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    }
    subprocess.run(["apt-get", "update"], check=True, **apt)
    for package in DEBIAN_PACKAGES:
        install = ["apt-get", "install", "-y", package]
        if subprocess.run(install, check=False, **apt).returncode == 0:
            return


def _install_jdk() -> None:
    import jdk

    print("installing Java into ~/.jdk with install-jdk", file=sys.stderr)
    jdk.install(str(PREFERRED), jre=True)


if __name__ == "__main__":
    try:
        print(find_java() or install_java())
    except InputError as error:
        sys.exit(f"error: {error}")
