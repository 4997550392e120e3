"""What a person sees on a terminal while a run goes on, and what a log keeps of it."""

from __future__ import annotations

import io
import re

import pytest

from ridge_spark.progress import Progress


class Terminal(io.StringIO):
    """A stream that is a terminal of 80 columns for whoever asks."""

    def isatty(self) -> bool:
        return True

    def shown(self) -> list[str]:
        """The lines that stay: what is after the last carriage return of each."""
        return [re.split(r"\r(?:\x1b\[K)?", line)[-1] for line in self.getvalue().split("\n")]


def run(stream):
    progress = Progress(stream)
    with progress.stage("statistics", 60_000) as advance:
        for _ in range(10):
            advance(6000)
    with progress.stage("solve"):
        pass
    with progress.stage("test", 2, "tasks") as advance:
        advance(1)
    return progress


LINES = (r"statistics: 60,000 images in \d+\.\d\d s", r"solve: in \d+\.\d\d s",
         r"test: 2 tasks in \d+\.\d\d s")  # fmt: skip


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_a_line_for_each_stage_stays(stream):
    stream = stream()
    progress = run(stream)
    shown = stream.shown() if isinstance(stream, Terminal) else stream.getvalue().split("\n")
    assert len(shown) == len(LINES) + 1
    for line, pattern in zip(shown, LINES, strict=False):
        assert re.fullmatch(pattern, line), line
    assert list(progress.seconds) == ["statistics", "solve", "test"]


def test_a_terminal_sees_a_bar_only_where_there_is_something_to_measure():
    terminal = Terminal()
    run(terminal)
    text = terminal.getvalue()
    assert "statistics:   0% |" in text
    assert "60,000 of 60,000 images" in text
    assert "solve ...\r" in text
    assert "?" not in text.partition("solve ...")[2].partition("\n")[0]
    assert "0.00" not in text.partition("solve")[0].partition("in ")[0]


def test_a_stage_that_fails_leaves_its_line_free_for_the_error():
    terminal = Terminal()
    progress = Progress(terminal)
    with pytest.raises(OSError, match="full"), progress.stage("spark"):
        raise OSError("full")
    assert terminal.shown() == [""]
    assert progress.stages == []


def test_quiet_says_nothing():
    terminal = Terminal()
    progress = Progress(terminal, quiet=True)
    with progress.stage("solve"), progress.stage("score", 10) as advance:
        advance(10)
    progress.say("a line")
    assert terminal.getvalue() == ""
