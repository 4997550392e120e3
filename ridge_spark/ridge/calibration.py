"""Probabilities from scores: one temperature, and how well it is calibrated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.scoring import panels

BINS = 15  # of confidence, of equal width
UNIT = 2**20  # confidences are summed as whole numbers of this fraction: in any order the same
FLATTEST, STEEPEST = 1e-6, 1e6  # 1/T, in units of one over the spread of the scores
MOST_STEPS = 100
MOST_SAMPLES = 2**14  # from which a temperature is fitted


def probabilities(scores: Float, temperature: float) -> Float:
    """softmax(scores / temperature) of `scores` (n, k); shape (n, k)."""
    z = (scores - scores.max(axis=1, keepdims=True)) / temperature
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)
    return z


def fit_temperature(
    scores: Float, labels: NDArray[np.integer], times: NDArray[np.integer] | None = None
) -> float:
    """The T > 0 at which answers are as often right as they say: of `scores` (n, k) with `labels`,

        (1/n) Σ_i max_j p_ij  =  (r + 1) / (n + 2),     p_i = softmax(s_i / T)

    with r the images that are classified correctly. The left side, the mean confidence, grows from
    1/k to 1 as T falls, so that there is one such T; Laplace's rule on the right keeps it finite
    where all are right. Ridge scores are no log-odds: the T of the largest likelihood, as Guo et
    al. (ICML 2017) fit it to networks, leaves confidence below accuracy on average. Solved for
    β = 1/T by Newton's method within a bracket. Each image counts `times` (n,), or once.
    """
    k = scores.shape[1]
    t = np.ones(len(scores), np.int64) if times is None else times
    n = int(t.sum())
    s = scores - scores.max(axis=1, keepdims=True)  # 0 for the answer, all others below
    spread = float(np.sqrt((t @ s**2).sum() / (n * k)))
    right = int(t @ (scores.argmax(axis=1) == labels))
    aim = n * (right + 1) / (n + 2)
    if spread == 0 or aim * k <= n:
        return spread / FLATTEST if spread else 1.0  # no better than chance: as good as 1/k each
    s /= spread
    low, high, beta = FLATTEST, STEEPEST, 1.0
    for _ in range(MOST_STEPS):
        e = np.exp(beta * s)
        confidence = 1 / e.sum(axis=1)
        excess = float(t @ confidence) - aim
        low, high = (low, beta) if excess > 0 else (beta, high)
        slope = -float(t @ (confidence**2 * (e * s).sum(axis=1)))
        step = beta - excess / slope if slope > 0 else 0.0
        following = step if low < step < high else float(np.sqrt(low * high))
        if abs(following - beta) <= 1e-12 * beta:
            break
        beta = following
    return spread / beta


def temperature_of_fit(
    X: NDArray[Any],
    labels: NDArray[np.integer],
    coef: Float,
    intercept: Float,
    gcv: float,
    times: NDArray[np.integer] | None = None,
    counted: NDArray[np.integer] | None = None,
) -> float | None:
    """The temperature where nothing was held out, from the samples X (n, d) of the fit themselves.

    The score of a sample by a fit without it is y - r / (1 - h), with r its residual and h its
    leverage. Generalised cross-validation takes the mean leverage for all, so that

        gcv = (1/n) Σ r² / (1 - h)²     gives     1 / (1 - h) = √(gcv / ((1/n) Σ r²))

    None where `gcv` is not known. In the fit, and so in these sums, each sample is `times` (n,);
    while the temperature is found, it is `counted` (n,). Golub, Heath and Wahba, Technometrics 21
    (1979).
    """
    if not math.isfinite(gcv) or gcv <= 0:
        return None
    rows = np.arange(0, len(X), -(-len(X) // MOST_SAMPLES))
    targets = np.where(labels[rows, None] == np.arange(len(coef)), 1.0, -1.0)
    found = np.concatenate(
        [X[rows[some]].astype(np.float64) @ coef.T + intercept for some in panels(len(rows))]
    )
    residual = targets - found
    times = np.ones(len(X), np.int64) if times is None else times
    mean_square = float((times[rows] @ residual**2).sum() / times[rows].sum())
    inflated = math.sqrt(gcv / mean_square) if mean_square > 0 else 1.0
    left_out = targets - residual * inflated
    return fit_temperature(left_out, labels[rows], None if counted is None else counted[rows])


@dataclass(frozen=True)
class Reliability:
    """How often predictions are right against how sure they are, in bins of confidence.

    `sums` (BINS, 3) int64: images, those of them that are classified correctly, and the sum of the
    confidences, the probability of the predicted class, in units of 1/UNIT. They add.
    """

    sums: NDArray[np.int64]

    @classmethod
    def of(cls, scores: Float, labels: NDArray[np.integer], temperature: float) -> Self:
        p = probabilities(scores, temperature)
        confidence = np.rint(p.max(axis=1) * UNIT).astype(np.int64)
        right = scores.argmax(axis=1) == labels
        number = np.minimum(confidence * BINS // UNIT, BINS - 1)
        columns = (np.ones(len(p)), right, confidence)  # sums of integers, exact in float64
        sums = [np.bincount(number, weights=column, minlength=BINS) for column in columns]
        return cls(np.stack(sums, axis=1).astype(np.int64))

    @property
    def images(self) -> NDArray[np.int64]:
        return self.sums[:, 0]

    @property
    def accuracy(self) -> Float:
        """Of each bin; NaN where it is empty."""
        with np.errstate(invalid="ignore"):
            found: Float = self.sums[:, 1] / self.images
        return found

    @property
    def confidence(self) -> Float:
        """The mean of each bin; NaN where it is empty."""
        with np.errstate(invalid="ignore"):
            found: Float = self.sums[:, 2] / UNIT / self.images
        return found

    @property
    def expected_error(self) -> float:
        """Expected calibration error: Σ_b n_b |accuracy_b - confidence_b| / n.

        Naeini, Cooper and Hauskrecht, AAAI 2015.
        """
        gaps = np.abs(self.sums[:, 1] - self.sums[:, 2] / UNIT)
        return float(gaps.sum() / self.images.sum())
