"""The computation graph has the numbers of the run, and the figures hold with odd ones."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ridge_spark.report.charts import stage_chart, stage_legend, timeline
from ridge_spark.report.colours import stage_colour
from ridge_spark.report.graph import lanes, steps
from ridge_spark.report.lambda_chart import PANEL, lambda_chart
from ridge_spark.report.page import render
from ridge_spark.report.text import rounded, seconds_of
from ridge_spark.ridge.solvers import SOLVERS
from ridge_spark.runs.directory import Run
from ridge_spark.runs.result import TaskRecord
from tests.report.reader import Page


def changed(run: Run, **values: Any) -> Run:
    return replace(run, result=replace(run.result, **values))


def tasks(**numbers: int) -> tuple[TaskRecord, ...]:
    return tuple(
        TaskRecord(stage, i, i + 0.5, f"host/{i % 3}", 1.0)
        for stage, number in numbers.items()
        for i in range(number)
    )


def words(run: Run) -> str:
    told = steps(run.result)
    return " | ".join(f"{step.title}: {step.text} > {step.passed_on}" for step in told)


def test_outer(run: Run) -> None:
    outer = changed(
        run, engine="outer", runtime="spark", whole_x=True, workers=3, threads=1, folds=5, blocks=7,
        tasks=tasks(statistics=3, score=15, test=2),
    )  # fmt: skip
    told = words(outer)
    assert lanes(outer.result) == ("Driver", "3 workers")
    for part in (
        "900 images of 54 pixels, 4 classes; 7 blocks",
        "X once to every worker, as bytes: 65 kB",  # 1,200 images of 54 bytes
        "3 tasks, each a range of rows: counts, sums and X'X of 5 groups",
        "6 systems",
        "200 columns of weights",  # 5 folds, 10 λ, 4 classes
        "(fold, λ) pairs: 5 folds × 10 λ, in 15 tasks",
        "50 counts of right answers",
        "54 × 4 weights",
        "300 images, 2 tasks",
    ):
        assert part in told


def test_the_dual_side(run: Run) -> None:
    dual = changed(
        run, side="dual", engine="inner", runtime="spark", workers=3, folds=5, blocks=7,
        tasks=tasks(pairs=6, weights=3, test=2),
    )  # fmt: skip
    told = words(dual)
    for part in (
        "6 tasks, each a pair of parts of the images: XX', 900 × 900, exactly",
        "200 columns of weights of images",
        "by their products with the others: 5 folds × 10 λ",
        "900 × 4 weights of images, α | The weights: 3 tasks, each its blocks",
        "54 × 4 sums of pixels times α, as integers > 54 × 4 weights",
    ):
        assert part in told
    assert "Pass two" not in told
    assert "X'X" not in told


def test_inner(run: Run) -> None:
    inner = changed(
        run, engine="inner", runtime="spark", workers=2, threads=4, solver="cholesky",
        tasks=tasks(statistics=8, score=4, factorise=20),
    )  # fmt: skip
    told = words(inner)
    assert lanes(inner.result) == ("Driver", "2 workers, 4 threads each")
    for part in (
        "the images stay in storage",
        "8 tasks, each its blocks: counts, sums and X'X of 2 groups",
        "20 Cholesky factorisations, in 20 tasks",
        "4 tasks, each its blocks: 1 fold × 10 λ in one product",
    ):
        assert part in told
    assert steps(inner.result)[2].by_workers


def test_each_hybrid_mode_is_drawn_like_its_spark_sibling(run: Run) -> None:
    model = changed(run, engine="mpi-model", runtime="mpi", whole_x=True, workers=4, threads=2)
    data = changed(
        run, engine="mpi-data", runtime="mpi", workers=4, threads=2, tasks=tasks(factorise=2)
    )
    assert lanes(model.result) == ("Rank 0", "4 ranks, 2 threads each")
    assert "X once to every worker" in words(model)
    assert "stay in storage" in words(data)
    assert "2 systems, each one reduction to tridiagonal form for all λ, in 2 tasks" in words(data)
    assert steps(data.result)[2].by_workers
    assert not steps(model.result)[2].by_workers


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_is_told(run: Run, solver: str) -> None:
    assert "systems" in words(changed(run, solver=solver)) or solver == "cholesky"


def test_the_real_run(run: Run) -> None:
    assert lanes(run.result)[0] == "Main thread"
    assert [step.stage for step in steps(run.result) if step.stage in run.result.seconds] == [
        "statistics", "solve", "score", "test",
    ]  # fmt: skip
    assert f"λ = {rounded(run.result.best_lambda)}" in words(run)


@pytest.mark.parametrize(
    ("lambdas", "gcv"),
    [
        ([1.0], [2.0]),
        ([0.0], [None]),
        ([0.0, 1e-3, 10.0], [None, 1.0, 2.0]),
        ([0.1, 1.0], [None, None]),
        (np.logspace(-8, 8, 500).tolist(), [1.0] * 500),
    ],
)
def test_the_chart_of_any_grid(run: Run, lambdas: list[float], gcv: list[float | None]) -> None:
    accuracy = np.linspace(0.5, 0.6, len(lambdas)).tolist()
    odd = changed(
        run, lambdas=tuple(lambdas), gcv=tuple(gcv), validation_accuracy=tuple(accuracy),
        best_lambda=lambdas[-1], held_out=None,
    )  # fmt: skip
    svg = lambda_chart([odd], "a chart")
    assert ("Generalised" in svg) == any(value is not None for value in gcv)
    assert "nan" not in svg
    assert 'r="5.5"' in svg  # the choice is marked


def test_there_is_no_panel_for_what_no_run_has(run: Run) -> None:
    L = len(run.result.lambdas)
    update = changed(run, validation_accuracy=(None,) * L)
    assert "held-out" not in lambda_chart([update], "")
    assert "held-out" in lambda_chart([update, run], "")
    assert lambda_chart([changed(update, gcv=(None,) * L)], "") is None


def test_the_marks_of_a_fine_grid_do_not_run_together_and_the_choice_has_one(run: Run) -> None:
    lambdas = tuple(np.logspace(-5, 5, 100).tolist())
    fine = changed(
        run, lambdas=lambdas, gcv=(None,) * 100, validation_accuracy=(0.9,) * 100,
        best_lambda=lambdas[77], held_out=None,
    )  # fmt: skip
    svg = lambda_chart([fine], "")
    marks = re.findall(r"translate\(([0-9.]+),", svg)
    (ring,) = re.findall(r'<circle cx="([0-9.]+)"', svg)
    assert len(marks) <= 21
    assert ring in marks


def test_no_scale_goes_beyond_all_images(run: Run) -> None:
    perfect = changed(run, validation_accuracy=(1.0,) * len(run.result.lambdas))
    for several in ([perfect], [perfect, run]):
        upper = lambda_chart(several, "").partition("Generalised")[0]
        named = [float(name) for name in re.findall(r'"end"[^>]*>([0-9.]+)</text>', upper)]
        assert max(named) == 100


def judged(run: Run, accuracy: list[float], error: list[float], **values: Any) -> Run:
    """The run with these scores of its λ, by folds that all said the same."""
    L = len(accuracy)
    held_out = replace(
        run.result.held_out, standard_error=tuple(error), balanced_accuracy=(0.5,) * L,
        by_fold=(tuple(accuracy),) * 3, **values,
    )  # fmt: skip
    lambdas = tuple(10.0**i for i in range(L))
    return changed(
        run, lambdas=lambdas, gcv=(None,) * L, validation_accuracy=tuple(accuracy),
        best_lambda=lambdas[int(np.argmax(accuracy))], held_out=held_out,
    )  # fmt: skip


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([0-9.]+),([0-9.]+)", path)]


def test_the_band_is_a_standard_error_of_the_difference_from_the_best(run: Run) -> None:
    """Where it reaches the line at the height of the best, one-se may choose."""
    svg = lambda_chart([judged(run, [0.80, 0.81, 0.82], [0.005, 0.01, 0.0])], "")
    (band,) = re.findall(r'd="(M[^"]+)Z"', svg)
    *upper, lower_best, lower_middle, lower_first = points(band)[:6]
    (line,) = (y1 for y1, y2 in re.findall(r'd="M[0-9.]+,([0-9.]+)L[0-9.]+,([0-9.]+)" style='
                                           r'"[^"]*dasharray', svg) if y1 == y2)  # fmt: skip
    assert upper[1][1] == pytest.approx(float(line), abs=0.02)
    assert upper[0][1] > float(line) + 1
    assert upper[2] == lower_best
    scale = (lower_middle[1] - upper[1][1]) / 2.0  # of a percentage point
    assert lower_first[1] - upper[0][1] == pytest.approx(scale, abs=0.05)
    assert len(re.findall("stroke-width:0.5", svg)) == 3  # the folds
    assert len(re.findall("stroke-width:0.5", lambda_chart([run, run], ""))) == 0


def test_what_is_far_below_the_best_does_not_flatten_the_rest(run: Run) -> None:
    svg = lambda_chart([judged(run, [0.80, 0.811, 0.81, 0.2], [0.001, 0, 0.001, 0.01])], "")
    assert "far below: down to 20.0" in svg
    curve = re.findall(r'd="(M[^"]+)" style="fill:none;[^"]*width:1.6', svg)
    band = re.findall(r'd="(M[^"]+)Z"', svg)
    assert max(y for path in (*curve, *band) for _, y in points(path)) <= 16 + PANEL + 0.01
    heights = [y for path in curve for _, y in points(path)]
    assert max(heights) - min(heights) > 0.9 * PANEL


def test_what_chose_lambda_comes_first_and_has_the_band(run: Run) -> None:
    svg = lambda_chart([judged(run, [0.8, 0.81], [0.01, 0.0], metric="balanced")], "")
    assert svg.index("Mean recall") < svg.index("fill-opacity") < svg.index("Right on held-out")
    assert svg.count("fill-opacity") == 1


def test_a_page_says_what_the_matrix_of_its_side_takes(run: Run) -> None:
    told = {side: Page(render([changed(run, side=side)], [None])).text
            for side in ("primal", "dual", "operator")}  # fmt: skip
    assert "X'X takes" in told["primal"]
    assert "XX' takes" not in told["primal"]
    assert f"XX' takes {run.result.n_train**2 * 8 / 2**20:,.1f} MiB" in told["dual"]
    for matrix in ("X'X", "XX'"):
        assert f"{matrix} takes" not in told["operator"]
        assert f"{matrix} of" not in told["operator"]


def test_stages_of_one_colour_share_a_line_of_the_legend(run: Run) -> None:
    seconds = {"products": 1.0, "total": 1.0}
    stages = (replace(run.result.stages[0], stage="products", start=0.0, end=1.0),)
    other = replace(changed(run, side="dual", stages=stages, seconds=seconds), name="other")
    colours = [colour for colour, _ in stage_legend([run, other])]
    assert len(colours) == len(set(colours))
    assert "statistics, products" in dict(stage_legend([run, other])).values()


def test_a_stage_has_one_colour_everywhere(run: Run) -> None:
    other = replace(changed(run, engine="outer", runtime="spark", workers=2,
                            tasks=tasks(score=3)), name="other")  # fmt: skip
    for stage in ("statistics", "solve", "score", "test"):
        assert stage_colour(stage) in timeline(run, "")
        assert stage_colour(stage) in stage_chart([run, other], "")
        assert f"4px solid {stage_colour(stage)}" in render([other], [""])
    assert len({stage_colour(s) for s in ("spark", "features", "statistics", "solve", "score",
                                          "test", "broadcast", "other")}) == 8  # fmt: skip


def test_many_tasks_that_touch_become_one_bar(run: Run) -> None:
    many = changed(run, engine="inner", tasks=tasks(statistics=5000))
    assert len(timeline(many, "a time line")) < 20_000


def test_text_in_figures_is_text(run: Run) -> None:
    odd = [replace(run, name="<b>&$x$"), replace(run, name="other")]
    svg = stage_chart(odd, 'a "label" <b>')
    assert ">&lt;b&gt;&amp;$x$</text>" in svg
    assert "<b>" not in svg


def test_figures_take_their_colours_from_the_page(run: Run) -> None:
    for svg in (timeline(run, ""), lambda_chart([run], "") or "", stage_chart([run], "")):
        assert "var(--ink)" in svg
        assert not re.search("#[0-9a-f]{3}", svg)


def test_the_graph_on_the_page_has_every_step_and_the_time_it_took(run: Run) -> None:
    odd = changed(run, engine="inner", runtime="spark", workers=2)
    page = Page(render([odd], [None]))
    at = 0
    for step in steps(odd.result):
        at = page.text.index(step.title, at)
        assert step.text in page.text
        assert step.passed_on in page.text
        if step.stage in odd.result.seconds:
            assert seconds_of(odd.result.seconds[step.stage]) in page.text[at:]
    boxes = [about["class"] for tag, about in page.elements if tag == "li" and "class" in about]
    assert "by-workers several" in boxes
