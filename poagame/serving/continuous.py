r"""A controller without steps: temperature and overlap weight move with the smoothed TTFT P99. Ours, not the paper's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import require
from poagame.games.checks import is_number, positive, shown
from poagame.serving.controller import PAPER_TABLE, Setting
from poagame.serving.detector import Regime
from poagame.serving.router import DynamoRouter


@dataclass(frozen=True, slots=True)
class ContinuousController:
    r"""Between two settings by the logarithm of the smoothed TTFT P99: nothing to flap between, so no hysteresis.

    With s the EWMA of TTFT P99 as in `RegimeDetector` and :math:`x = \log(s / \theta_1) / \log(\theta_2 / \theta_1)`, kept in [0, 1], τ and
    ω are :math:`(1 - x)` times those of `below` plus x times those of `saturated`.

    Parameters
    ----------
    baseline_ttft_ms : float
        TTFT P99 of an idle cluster.
    transition, saturation : float
        θ₁ and θ₂ as multiples of it.
    smoothing : float
        Of the EWMA, in (0, 1].
    below, saturated : Setting
        The ends; the paper's table's by default (P).

    Raises
    ------
    InvalidInput
        If a number is out of its range, or saturation not above transition.

    Examples
    --------
    >>> controller = ContinuousController(100.0)
    >>> controller.policy(controller.observe(controller.start(), 100.0 * (5 * 50) ** 0.5))
    DynamoRouter(overlap_weight=0.55, temperature=0.4)
    """

    baseline_ttft_ms: float
    transition: float = 5.0
    saturation: float = 50.0
    smoothing: float = 0.3
    below: Setting = PAPER_TABLE[Regime.BELOW]
    saturated: Setting = PAPER_TABLE[Regime.SATURATED]

    def __post_init__(self) -> None:
        for name in ("baseline_ttft_ms", "transition", "saturation", "smoothing"):
            object.__setattr__(self, name, positive(getattr(self, name), name))
        require(self.smoothing <= 1.0, f"smoothing lies in (0, 1], 1 for none; got {self.smoothing:g}")
        require(
            self.transition < self.saturation,
            f"saturation must lie above transition; got {self.saturation:g} and {self.transition:g}. Are they in the wrong order?",
        )
        for name in ("below", "saturated"):
            require(isinstance(getattr(self, name), Setting), f"{name} is a Setting; got {shown(getattr(self, name))}")

    def start(self) -> float | None:
        """No EWMA yet."""
        return None

    def observe(self, state: float | None, observation: float, /) -> float | None:
        """EWMA after a poll of TTFT P99 in ms; NaN leaves it as it is.

        Raises
        ------
        InvalidInput
            If it is no number, negative or infinite.
        """
        require(is_number(observation), f"a poll is a TTFT P99 in ms; got {shown(observation)}")
        value = float(observation)
        if np.isnan(value):
            return state
        require(0.0 <= value < np.inf, f"a poll must be nonnegative and finite; got {value:g} ms")
        return value if state is None else state + self.smoothing * (value - state)

    def policy(self, state: float | None, /) -> DynamoRouter:
        """The router at this EWMA."""
        x = 0.0
        if state is not None and state > 0.0:
            x = np.log(state / (self.transition * self.baseline_ttft_ms)) / np.log(self.saturation / self.transition)
        x = float(np.clip(x, 0.0, 1.0))
        weight, temperature = (
            round((1.0 - x) * getattr(self.below, name) + x * getattr(self.saturated, name), 12)
            for name in ("overlap_weight", "temperature")
        )
        return DynamoRouter(weight, temperature)
