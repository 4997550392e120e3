"""docs/guidance.md lists every warning that there is, each with a test that provokes it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

PAGE = ROOT / "docs" / "guidance.md"
PREFIX = "warning: "  # of those that are printed where they arise


def rows() -> list[tuple[str, str]]:
    """(words of the warning, test) of each row of the page's tables of warnings."""
    section = PAGE.read_text().partition("\n## Warnings\n")[2].partition("\n## ")[0]
    table = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return [(row[0], row[2].strip("`")) for row in table if row[0] not in ("warning", "---")]


def warnings_in(path: Path) -> Iterator[str]:
    """What functions with `warning` in their name return, what is logged as one or begins so."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and "warning" in node.name:
            for each in ast.walk(node):
                if isinstance(each, ast.Return) and each.value:
                    found = each.value.elts if isinstance(each.value, ast.Tuple) else [each.value]
                    yield from filter(None, map(text, found))
        elif isinstance(node, ast.Call) and node.args:
            said = text(node.args[0]) or ""
            logged = isinstance(node.func, ast.Attribute) and node.func.attr == "warning"
            if logged or said.removeprefix(PREFIX).strip("…") != said.strip("…"):
                yield said


def text(node: ast.expr) -> str | None:
    """A string with … for what is filled in; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text(each) or "…" for each in node.values)
    return None


def all_warnings() -> list[str]:
    files = [file for name in ("ridge_spark", "mpi_hybrid") for file in (ROOT / name).rglob("*.py")]
    found = {warning for file in files for warning in warnings_in(file)}
    return sorted(warning for warning in found if warning.removeprefix(PREFIX).strip("…"))


@pytest.mark.parametrize("warning", all_warnings())
def test_a_warning_is_on_the_page(warning):
    assert [words for words, _ in rows() if words in warning]


@pytest.mark.parametrize(("words", "test"), rows())
def test_what_is_on_the_page_is_a_warning_that_a_test_provokes(words, test):
    assert [warning for warning in all_warnings() if words in warning]
    path, _, name = test.partition("::")
    assert re.search(rf"^ *def {name}\b", (ROOT / path).read_text(), re.MULTILINE)
