"""The page in a real browser: nothing amiss in its console, every picture drawn, no overflow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.dots import NAMES
from tests.support import Command, give_up

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDTHS = (1280, 390)
# Which of the elements that a selector finds take many lines.
TALL = """selector => [...document.querySelectorAll(selector)]
    .filter(e => e.offsetHeight > 90).map(e => e.textContent)"""
# Texts of a figure that lie on one another.
COLLIDING = """() => [...document.querySelectorAll('svg')].flatMap(svg => {
    const texts = [...svg.querySelectorAll('text')];
    const boxes = texts.map(text => text.getBoundingClientRect());
    return boxes.flatMap((a, i) => boxes.slice(i + 1).map((b, j) =>
        a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3
            ? texts[i].textContent + ' / ' + texts[i + 1 + j].textContent : '')).filter(Boolean)
})"""
SCHEMES = {"light": "rgb(253, 253, 252)", "dark": "rgb(20, 23, 26)"}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        give_up("no Chromium with a chromedriver: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)) as started:
        yield started


@pytest.fixture(scope="module")
def pages(
    finished: Path, dots: Path, program: Command, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    both = tmp_path_factory.mktemp("pages") / "both.html"
    runs = finished / "holdout", finished / "folds"
    assert program("report", *runs, "--out", both).returncode == 0
    update = tmp_path_factory.mktemp("pages") / "update"
    more = ("--add", dots, "--test", dots, "--out", update)
    assert program("update", "--model", runs[0], *more).returncode == 0
    return {"one run": runs[0] / "report.html", "two runs": both, "update": update / "report.html"}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", ["one run", "two runs", "update"])
def test_in_a_browser(
    browser: Any, pages: dict[str, Path], page: str, width: int, scheme: str
) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    browser.get(pages[page].as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")

    assert browser.get_log("browser") == []
    requested = [
        entry["message"]
        for entry in browser.get_log("performance")
        if "Network.requestWillBeSent" in entry["message"] and '"url":"http' in entry["message"]
    ]
    assert requested == []
    undrawn = browser.execute_script(
        "return [...document.images].filter(i => !(i.complete && i.naturalWidth)).length"
    )
    assert undrawn == 0
    assert browser.execute_script("return document.images.length") >= 2 * len(NAMES)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script("return document.querySelectorAll('script').length") == 0
    background = "return getComputedStyle(document.body).backgroundColor"
    assert browser.execute_script(background) == SCHEMES[scheme]
    assert browser.execute_script(f"return ({TALL})('.names')") == []
    outside = browser.execute_script(
        """const over = [];
        for (const text of document.querySelectorAll('svg text')) {
          const inner = text.getBoundingClientRect();
          const outer = text.closest('svg').getBoundingClientRect();
          if (inner.right > outer.right + 2 || inner.left < outer.left - 2)
            over.push(text.textContent);
        }
        return over"""
    )
    assert outside == []
    assert browser.execute_script(f"return ({COLLIDING})()") == []
