"""What a finished run says of itself: the contents of its result.json."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.calibration import Reliability
from ridge_spark.ridge.metrics import Metrics
from ridge_spark.runs.json_form import from_json, to_json
from ridge_spark.runs.options import LARGEST_LAMBDA

FORMAT_VERSION = 2
SUMS = ("counts", "sums")
EVERYTHING = (*SUMS, "gram")
RUNTIMES = ("local", "spark", "mpi")


@dataclass(frozen=True)
class StageRecord:
    """A stage of a run."""

    stage: Annotated[str, "what was done"]
    start: Annotated[float, "seconds since the run began"]
    end: Annotated[float, "seconds since the run began"]

    def __post_init__(self) -> None:
        _require(self.start <= self.end, "a stage or task ends before it begins")


@dataclass(frozen=True)
class TaskRecord(StageRecord):
    """What one worker did for a stage."""

    worker: Annotated[str, "host and process, or rank"]
    peak_rss_mb: Annotated[float, "MiB, the most that the worker had held by then"]


@dataclass(frozen=True)
class Change:
    """Images that an update added or removed: a data set's training images."""

    n: Annotated[int, "images"]
    statistics_sha256: Annotated[str, "of these images, as above"]
    added: Annotated[str | None, "the data set, where its images were added"] = None
    removed: Annotated[str | None, "the data set, where its images were removed"] = None

    def __post_init__(self) -> None:
        _require(self.n >= 0 and _is_hash(self.statistics_sha256), "a change is of no images")


KEPT, BY_GCV = "kept from the run", "chosen by GCV"


@dataclass(frozen=True)
class Update:
    """Where a run came from that `ridge-spark update` made."""

    run: Annotated[str, "the run that was brought up to date"]
    statistics_sha256: Annotated[str, "of the images of that run"]
    changes: Annotated[tuple[Change, ...], "in the order in which they were made"]
    lambda_: Annotated[str, "where the run's λ comes from"]
    before: Annotated[
        tuple[Change, ...], "what the images of that run came from: its training, and its updates"
    ] = ()

    def __post_init__(self) -> None:
        _require(_is_hash(self.statistics_sha256), "'update' has no hash of its run")


@dataclass(frozen=True)
class Mpi:
    """What only a run under MPI can tell."""

    library: Annotated[str, "name and version of the MPI library"]
    nodes: Annotated[int, "that the ranks were on"]
    busy_seconds: Annotated[
        tuple[float, ...],
        "of work on each rank; the rest of the total is start-up, waiting and reducing",
    ]
    waited_seconds: Annotated[tuple[float, ...], "in collective calls, on each rank"]
    node_mb: Annotated[
        float,
        "MiB that a node held at most after the second pass, when all there is to hold is there; "
        "pages that its ranks share counted once",
    ]
    node_shared_mb: Annotated[float, "MiB, the most of that in shared memory"]


@dataclass(frozen=True)
class Approximation:
    """What averaging the models of the ranks lost against the exact solution."""

    exact_best_lambda: Annotated[float, "the λ that the exact solution chooses"]
    exact_test_accuracy: Annotated[float | None, "of the exact solution; null without test images"]
    test_accuracy_lost: Annotated[float | None, "exact less averaged; null without test images"]


@dataclass(frozen=True)
class Features:
    """What one of the specs that were searched came to."""

    spec: Annotated[str, "as `--features` takes it"]
    features_sha256: Annotated[str, "over all that defines the map"]
    d: Annotated[int, "numbers the model sees of an image"]
    lambda_: Annotated[float, "the best λ of this spec"]
    validation_accuracy: Annotated[
        float | None, "of that λ, the fraction of held-out images classified correctly"
    ]
    seconds: Annotated[float, "for this spec, from its statistics to its accuracy"]

    def __post_init__(self) -> None:
        _require(_is_hash(self.features_sha256) and self.d > 0, "'features' are of no map")


@dataclass(frozen=True)
class HeldOut:
    """How the choice of λ came about, on the held-out images."""

    metric: Annotated[str, "that chose: accuracy, or balanced, its mean over the classes"]
    choose: Annotated[str, "best, or one-se: the largest λ within a standard error of the best"]
    standard_error: Annotated[
        tuple[float, ...],
        "for each λ, of how much lower than the best it scored by that metric, paired: from images "
        "that one of the two alone gets right",
    ]
    balanced_accuracy: Annotated[
        tuple[float, ...], "for each λ, the mean over the classes of the fraction that is right"
    ]
    by_fold: Annotated[
        tuple[tuple[float, ...], ...], "for each fold, the fraction that each λ gets right"
    ]
    images: Annotated[tuple[tuple[int, ...], ...], "for each fold, held-out images of each class"]


@dataclass(frozen=True)
class Calibration:
    """How sure the model was of its answers to test images, and how often it was right."""

    error: Annotated[
        float, "expected calibration error: mean |accuracy - confidence| of the bins, by images"
    ]
    images: Annotated[
        tuple[int, ...], "in each bin of confidence; bins of equal width, from 0 to 1"
    ]
    confidence: Annotated[
        tuple[float | None, ...], "the mean probability of the answers in each bin; null if empty"
    ]
    accuracy: Annotated[
        tuple[float | None, ...], "the fraction of the answers in each bin that are right"
    ]

    def __post_init__(self) -> None:
        _require(
            len(self.images) == len(self.confidence) == len(self.accuracy) > 0
            and min(self.images) >= 0,
            "'calibration' does not fit together",
        )

    @classmethod
    def of(cls, found: Reliability) -> Self | None:
        """None where there were no images or no probabilities."""
        if not found.images.any():
            return None
        return cls(
            found.expected_error,
            tuple(found.images.tolist()),
            *(
                tuple(None if empty else value for empty, value in zip(
                    found.images == 0, column.tolist(), strict=True
                ))
                for column in (found.confidence, found.accuracy)
            ),
        )  # fmt: skip


@dataclass(frozen=True)
class Planned:
    """What a run was expected to take, said before anything was read."""

    line: Annotated[str, "the side, its matrix, the passes and the memory"]
    peak_mb: Annotated[float, "MiB, the most that a Python process was expected to hold"]
    seconds: Annotated[float, "that it was expected to take"]


@dataclass(frozen=True)
class Result:
    """A finished run. Every engine writes the same keys."""

    engine: Annotated[str, "that did the work: local, outer, inner, mpi-model or mpi-data"]
    runtime: Annotated[str, "what it ran on: local, spark or mpi"]
    whole_x: Annotated[bool, "whether every worker held all images, not just its blocks"]
    dataset: Annotated[str, "address of the data set"]
    n_train: Annotated[int, "training images: those the model is of"]
    n_validation: Annotated[int, "of them, those that were held out once while λ was chosen"]
    n_test: Annotated[int, "test images; 0 where there are none"]
    d: Annotated[int, "numbers the model sees of an image"]
    classes: Annotated[tuple[str, ...], "their names, in the order of the labels"]
    lambdas: Annotated[tuple[float, ...], "values of λ that were tried, L of them, ascending"]
    validation_accuracy: Annotated[
        tuple[float | None, ...],
        "for each λ, the fraction of held-out images classified correctly; null where none were",
    ]
    gcv: Annotated[
        tuple[float | None, ...],
        "for each λ, generalised cross-validation of the fit on all training images; null where "
        "it is not defined, and where the solver is krylov, which does not compute it: the trace "
        "of an inverse would take longer than all else",
    ]
    best_lambda: Annotated[float, "the λ of the model"]
    test_accuracy: Annotated[float | None, "on the test images; null where there are none"]
    confusion: Annotated[
        tuple[tuple[int, ...], ...], "test images by class (rows) and predicted class (columns)"
    ]
    statistics_sha256: Annotated[
        str,
        "SHA-256 over the statistics of all training images, as little-endian int64 in C order: "
        "the shapes (classes, d), then counts, sums and X'X; on the dual side the shapes "
        "(classes, images, d), then the labels and XX'; on side operator the shapes (classes, d), "
        "then counts, sums and sums of squares",
    ]
    model_sha256: Annotated[
        str,
        "SHA-256 over the weights (d, classes) and the intercept, little-endian float64, C order",
    ]
    solver: Annotated[str, "that solved the systems"]
    seed: Annotated[int, "of the choice of held-out images"]
    folds: Annotated[
        int, "groups of images that were held out in turn; 1 is a holdout, 0 an update"
    ]
    blocks: Annotated[int, "of training images, that a pass visited"]
    workers: Annotated[int, "that worked side by side"]
    threads: Annotated[int, "of each worker"]
    peak_rss_mb: Annotated[float, "MiB, the most that a Python process of the run held"]
    seconds: Annotated[dict[str, float], "in each stage, and in `total`"]
    started: Annotated[str, "when the run began, UTC, ISO 8601"]
    stages: Annotated[tuple[StageRecord, ...], "when each stage ran; one may be inside another"]
    tasks: Annotated[tuple[TaskRecord, ...], "what each worker did, where that was recorded"]
    command: Annotated[str, "that asked for the run; empty if it was started from Python"]
    versions: Annotated[dict[str, str], "of this program, Python and the packages it uses"]
    warnings: Annotated[tuple[str, ...], "what the run warned of"]
    plan: Annotated[Planned | None, "not after an update"] = None
    update: Annotated[Update | None, "only after `ridge-spark update`"] = None
    combine: Annotated[str | None, "only under MPI: exact, or average"] = None
    mpi: Annotated[Mpi | None, "only under MPI"] = None
    approximation: Annotated[Approximation | None, "only where models were averaged"] = None
    side: Annotated[str, "what was solved: primal, X'X, dual, XX', or operator, neither"] = "primal"
    statistics_kept: Annotated[
        tuple[str, ...], "what statistics.safetensors holds; without gram, no update can start here"
    ] = EVERYTHING
    residual: Annotated[
        tuple[float | None, ...],
        "for each λ, how far an iteration has come: ‖Xc'Yc - (Xc'Xc + NλI) W‖ / ‖Xc'Yc‖, the "
        "largest of all classes and folds, 1e-8 or less where it has converged; null where a "
        "direct method took its place",
    ] = ()
    spec: Annotated[str, "the features of the model, as `--features` takes them"] = "pixels"
    features_sha256: Annotated[str | None, "over all that defines the features' map"] = None
    features: Annotated[
        tuple[Features, ...], "each spec that was searched, in the order given; not after an update"
    ] = ()
    held_out: Annotated[HeldOut | None, "how λ was chosen; not after an update"] = None
    balanced_accuracy: Annotated[
        float | None,
        "on the test images, the mean recall of the classes; null where there are none",
    ] = None
    class_weight: Annotated[
        dict[str, int] | None,
        "for each class, how often its images count; only where that is not once for all. "
        "n_train counts images, and the statistics hold each that often",
    ] = None
    temperature: Annotated[
        float | None,
        "T of the probabilities, softmax(scores / T), fitted on held-out images; updates keep it",
    ] = None
    calibration: Annotated[
        Calibration | None, "of the probabilities, on the test images; only where there are some"
    ] = None
    format_version: Annotated[int, "of this file"] = FORMAT_VERSION

    def __post_init__(self) -> None:
        k, L = len(self.classes), len(self.lambdas)
        _require(self.runtime in RUNTIMES, f"'runtime' is not among {', '.join(RUNTIMES)}")
        sizes = (self.n_train, self.n_validation, self.n_test, self.folds, self.blocks)
        _require(
            min(sizes) >= 0 and min(self.d, self.workers, self.threads) > 0, "a size is below 0"
        )
        _require(all(value >= 0 for value in self.lambdas), "a λ is below 0")
        _require(max(self.lambdas, default=0) <= LARGEST_LAMBDA, "a λ is too large")
        for name in ("statistics_sha256", "model_sha256"):
            _require(_is_hash(getattr(self, name)), f"'{name}' is not 64 hexadecimal digits")
        _require(
            L == len(self.gcv) == len(self.validation_accuracy)
            and self.best_lambda in self.lambdas
            and [len(row) for row in self.confusion] == [k] * k
            and min(map(min, self.confusion), default=-1) >= 0
            and sum(map(sum, self.confusion)) == self.n_test
            and self.test_accuracy == (self.metrics.accuracy if self.n_test else None)
            and "total" in self.seconds
            and (
                self.held_out is None
                or L == len(self.held_out.standard_error) == len(self.held_out.balanced_accuracy)
            )
            and (self.class_weight is None or set(self.class_weight) == set(self.classes))
            and min((self.class_weight or {"": 1}).values()) > 0
            and sum(self.calibration.images if self.calibration else ()) in (0, self.n_test),
            "the values in it do not fit together",
        )

    @property
    def best(self) -> int:
        """Index of the chosen λ."""
        return self.lambdas.index(self.best_lambda)

    @property
    def best_accuracy(self) -> float | None:
        """On held-out images, of the chosen λ."""
        return self.validation_accuracy[self.best]

    @property
    def run_seconds(self) -> float:
        """Of the whole run but the drawing of its report."""
        return self.seconds["total"] - self.seconds.get("report", 0.0)

    @property
    def run_stages(self) -> list[StageRecord]:
        """The stages of the run, by when they began, without the drawing of its report."""
        stages = (stage for stage in self.stages if stage.stage != "report")
        return sorted(stages, key=lambda stage: stage.start)

    @property
    def dataset_name(self) -> str:
        """The data set's own name, without where it is."""
        return self.dataset.rstrip("/").rpartition("/")[2] or self.dataset

    @property
    def matrix(self) -> NDArray[np.int64]:
        """The confusion matrix (k, k)."""
        return np.array(self.confusion, np.int64)

    @property
    def metrics(self) -> Metrics:
        """Of the test images."""
        return Metrics.of(self.matrix)

    def to_json(self) -> dict[str, Any]:
        """What result.json holds."""
        found: dict[str, Any] = to_json(self)
        return found

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """The result that `value`, read from a result.json, is; `ValueError` if it is none."""
        if isinstance(value, dict):
            version = value.get("format_version", 1)  # which the first format did not say
            if version != FORMAT_VERSION:
                raise ValueError(f"it has format {version}, this program reads {FORMAT_VERSION}")
        return from_json(cls, value)


def _is_hash(text: str) -> bool:
    return re.fullmatch("[0-9a-f]{64}", text) is not None


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)
