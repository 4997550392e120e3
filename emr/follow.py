"""Waits for a run, through throttling, network failures and expired credentials."""

from __future__ import annotations

import sys
import time

from botocore.exceptions import BotoCoreError, ClientError

from emr.errors import explain, is_expired, is_passing
from emr.runs import ENDED, RunState, Target
from emr.speech import agrees, say

REPORT_SECONDS = 60
SLOWEST_POLL_SECONDS = 120
EXIT_INTERRUPTED = 130


def follow(target: Target, run_id: str, poll_seconds: float) -> RunState:
    """Ask for the run's state until it has ended; every change, and each minute, is said once."""
    said, said_at, wait = "", 0.0, poll_seconds
    while True:
        try:
            now = target.state(run_id)
        except (ClientError, BotoCoreError) as error:
            if not is_expired(error) and not is_passing(error):
                raise
            trouble = _trouble(error)
            if trouble != said:
                say(trouble)
                said = trouble
            wait = min(2 * wait, SLOWEST_POLL_SECONDS)
        else:
            wait = poll_seconds
            if now.state != said or time.monotonic() - said_at >= REPORT_SECONDS:
                say(f"{run_id} {now.state} {clock(now.seconds)}".rstrip())
                said, said_at = now.state, time.monotonic()
            if now.state in ENDED:
                return now
        time.sleep(wait)


def _trouble(error: Exception) -> str:
    if is_expired(error):
        return (
            "The AWS credentials have expired; the job goes on. "
            "Renew them in another terminal (aws sso login) and this goes on too."
        )
    return f"AWS can't answer just now, the job goes on: {explain(error)}"


def ask_to_cancel(target: Target, run_id: str) -> int:
    """After Ctrl-C: the job runs on AWS; leave it or cancel it. Returns the exit status."""
    if sys.stdin.isatty() and agrees(f"\n{run_id} goes on without us. Cancel it?"):
        target.cancel(run_id)
        say(f"{run_id} is being cancelled")
    else:
        say(
            f"{run_id} goes on; come back to it with: make emr-follow STEP={run_id}, "
            f"or cancel it with: make emr-cancel STEP={run_id}"
        )
    return EXIT_INTERRUPTED


def clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
