r"""Regime detector: which of three regimes a serving cluster is in, from polls of the P99 of TTFT.

The paper smooths TTFT P99 with an EWMA (S) and compares it with θ₁ and θ₂, 1 s and 10 s for its 340B model, "to be set as a fraction of
the model's baseline TTFT" (P); polls come every 5 s, and a switch needs 3 polls in a row (A). Smoothing constant, default multiples and
what "in a row" means where polls lie in different regimes are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poagame._arrays import FloatArray, require
from poagame.errors import InvalidInput
from poagame.games.checks import finite, is_number, positive, shown, whole
from poagame.serving.detector_compiled import follow, poll

if TYPE_CHECKING:
    from typing import TypeAlias

    RegimeArray: TypeAlias = NDArray[np.int8]


class Regime(IntEnum):
    """Regimes in the order of load."""

    BELOW = 0
    TRANSITION = 1
    SATURATED = 2


@dataclass(frozen=True, slots=True)
class DetectorState:
    """What a detector remembers between polls.

    Attributes
    ----------
    smooth_ms : float or None
        EWMA of TTFT P99; None before the first poll with a value.
    regime : Regime
    candidate : Regime
        Where the polls of the streak would lead; the regime itself if there is none.
    streak : int
        Polls in a row on one side of the regime.
    polls, empty : int
        Polls so far, and those of them with no request finished.
    switches : int
        Changes of regime so far.
    """

    smooth_ms: float | None = None
    regime: Regime = Regime.BELOW
    candidate: Regime = Regime.BELOW
    streak: int = 0
    polls: int = 0
    empty: int = 0
    switches: int = 0


@dataclass(frozen=True, slots=True)
class RegimeDetector:
    r"""EWMA of TTFT P99 against two thresholds, with hysteresis.

    s ← s + α (x − s) at a poll of x, s = x at the first. s lies in BELOW if s < θ₁, in TRANSITION if θ₁ ≤ s < θ₂, else in SATURATED. After
    k polls in a row whose s lies beyond the regime on one side, the regime becomes the nearest one that these polls were in. So BELOW is
    left exactly after k polls in a row with s ≥ θ₁, whether or not some exceed θ₂.

    Parameters
    ----------
    baseline_ttft_ms : float
        TTFT of an idle cluster.
    transition, saturation : float
        θ₁ and θ₂ as multiples of it. The defaults are ours; only their ratio of 10 is the paper's (P).
    smoothing : float
        α in (0, 1]; 1 does not smooth. The default is ours.
    polls : int
        k ≥ 1; 3 by default (A).

    Raises
    ------
    InvalidInput
        If a number is out of its range, or saturation not above transition.

    Examples
    --------
    >>> detector = RegimeDetector(200.0)
    >>> detector.transition_ms, detector.saturation_ms
    (1000.0, 10000.0)
    >>> detector.regimes([150.0, 4000.0, 4000.0, 4000.0, 4000.0]).tolist()
    [0, 0, 0, 1, 1]
    """

    baseline_ttft_ms: float
    transition: float = 5.0
    saturation: float = 50.0
    smoothing: float = 0.3
    polls: int = 3

    def __post_init__(self) -> None:
        for name in ("baseline_ttft_ms", "transition", "saturation", "smoothing"):
            object.__setattr__(self, name, positive(getattr(self, name), name))
        object.__setattr__(self, "polls", whole(self.polls, "polls", 1, 10**9))
        require(self.smoothing <= 1.0, f"smoothing lies in (0, 1], 1 for none; got {self.smoothing:g}")
        require(
            self.transition < self.saturation,
            f"saturation must lie above transition; got {self.saturation:g} and {self.transition:g} times the baseline. "
            "Are they in the wrong order?",
        )
        finite(self.saturation_ms, "saturation · baseline_ttft_ms")

    @property
    def transition_ms(self) -> float:
        """θ₁."""
        return self.transition * self.baseline_ttft_ms

    @property
    def saturation_ms(self) -> float:
        """θ₂."""
        return self.saturation * self.baseline_ttft_ms

    def start(self) -> DetectorState:
        """State before the first poll: BELOW."""
        return DetectorState()

    def observe(self, state: DetectorState, ttft_p99_ms: float) -> DetectorState:
        """Return the state after a poll; NaN means that no request finished, and leaves all but the counts of polls as it is.

        Under heavy overload no request may finish between two polls, so a detector that sees only gaps does not see saturation;
        `DetectorState.empty` counts them.

        Raises
        ------
        InvalidInput
            If the poll is negative, infinite or no number.
        """
        value = _poll(ttft_p99_ms)
        smooth, regime, candidate, streak = poll(
            value,
            float("nan") if state.smooth_ms is None else state.smooth_ms,
            int(state.regime),
            int(state.candidate),
            state.streak,
            self.transition_ms,
            self.saturation_ms,
            self.smoothing,
            self.polls,
        )
        return DetectorState(
            None if np.isnan(smooth) else float(smooth),
            Regime(regime),
            Regime(candidate),
            int(streak),
            state.polls + 1,
            state.empty + bool(np.isnan(value)),
            state.switches + (regime != state.regime),
        )

    def regimes(self, series: ArrayLike) -> RegimeArray:
        """[..., n] int8 regime after each poll of series [..., n], in ms; the same as `observe` poll by poll.

        Raises
        ------
        InvalidInput
            If an entry is negative or infinite; NaN is a poll with no request finished.
        """
        return self.trace(series)[1]

    def trace(self, series: ArrayLike) -> tuple[FloatArray, RegimeArray]:
        """EWMA in ms and regime after each poll, each [..., n]; the EWMA is NaN up to the first poll with a value."""
        values = as_polls(series, "series")
        rows = values.reshape(-1, values.shape[-1])
        smooth, regime = np.empty(rows.shape), np.empty(rows.shape, dtype=np.int8)
        follow(rows, self.transition_ms, self.saturation_ms, self.smoothing, self.polls, smooth, regime)
        return smooth.reshape(values.shape), regime.reshape(values.shape)


def as_polls(series: ArrayLike, name: str) -> FloatArray:
    """[..., n] float64 of values ≥ 0 or NaN, n ≥ 1.

    Raises
    ------
    InvalidInput
        If it is anything else.
    """
    try:
        given = np.asarray(series)
        require(given.dtype.kind in "iuf", f"{name} must hold numbers; got {shown(series)}")
        values = np.array(given, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} must be an array of numbers [..., polls]; got {shown(series)}") from error
    require(
        values.ndim >= 1 and values.shape[-1] >= 1, f"{name} is [..., polls] with at least one poll; got {values.shape}"
    )
    bad = np.argwhere((values < 0) | np.isinf(values))
    if bad.size:
        where = tuple(int(i) for i in bad[0])
        raise InvalidInput(
            f"{name} must be nonnegative, or NaN where no request finished; entry {where} is {values[where]}"
        )
    return values


def _poll(value: object) -> float:
    """`value` as a float ≥ 0 or NaN."""
    if is_number(value) and np.isnan(value):  # pyright: ignore[reportArgumentType, reportCallIssue]
        return float("nan")
    number = finite(value, "ttft_p99_ms")
    require(number >= 0, f"ttft_p99_ms must be nonnegative, or NaN where no request finished; got {number:g}")
    return number
