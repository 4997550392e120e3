"""What moto lacks of AWS, and what it lets pass that AWS refuses: RULES.md lists each rule."""

from __future__ import annotations

import os

os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

from tests.emr import moto_account, moto_emr, moto_network, moto_serverless


def install() -> None:
    """Add it all to moto."""
    for each in (moto_account, moto_emr, moto_network, moto_serverless):
        each.install()
