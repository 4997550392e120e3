"""The TLS certificate with which the nodes of a cluster talk to each other."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from emr.errors import EmrError
from emr.package import write_zip

DAYS = 3650  # the cluster lives for hours; what outlives it is the object in the encrypted bucket


def make_certificates(region: str, out: Path) -> Path:
    """Write the zip EMR expects: privateKey.pem, certificateChain.pem, trustedCertificates.pem.

    Self-signed, for the names that nodes have in `region`; readable by its owner only.
    """
    names = sorted({f"*.{region}.compute.internal", "*.ec2.internal"})
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        key, chain = folder / "privateKey.pem", folder / "certificateChain.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256"]
        command += ["-keyout", str(key), "-out", str(chain), "-days", str(DAYS)]
        command += ["-subj", f"/CN={names[0]}"]
        command += ["-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)]
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise EmrError("openssl is not on PATH; install OpenSSL or LibreSSL") from error
        if done.returncode:
            raise EmrError(f"openssl could not make a certificate: {done.stderr.splitlines()[-1]}")
        trusted = folder / "trustedCertificates.pem"
        trusted.write_bytes(chain.read_bytes())
        before = os.umask(0o077)
        try:
            return write_zip(out, [chain, key, trusted], folder)
        finally:
            os.umask(before)
