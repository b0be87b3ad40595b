r"""Adaptive controller: (temperature, overlap weight) of the router by regime, as what Dynamo takes with a request.

The default table is the paper's: below saturation (τ, ω) = (0, 1), transition (0.7, 1), saturated (0.8, 0.1); the last never fired in
its experiments (P). A controller is a pure function of what it has observed, so it acts alike on a scrape and in a simulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, require
from poagame.games.checks import finite, shown
from poagame.serving.detector import DetectorState, Regime, RegimeDetector, as_polls
from poagame.serving.router import DynamoRouter

OVERLAP_KEYS: Mapping[str, str] = MappingProxyType({"0.9": "overlap_score_weight", "1": "overlap_score_credit"})
"""Name of the overlap weight in a request's override, by release of Dynamo."""


@runtime_checkable
class HasQuantiles(Protocol):
    """A distribution of times, as `poagame.serving.prometheus.Histogram` is."""

    def quantile_ms(self, q: float) -> float:
        """Time that a share q does not exceed; NaN without requests."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """What the router is told.

    Parameters
    ----------
    temperature : float
        τ ≥ 0; 0 is the argmin.
    overlap_weight : float
        ω ≥ 0.

    Raises
    ------
    InvalidInput
        If one is negative or no finite number.
    """

    temperature: float
    overlap_weight: float

    def __post_init__(self) -> None:
        for name in ("temperature", "overlap_weight"):
            value = finite(getattr(self, name), name)
            require(value >= 0, f"{name} must be nonnegative; got {value:g}")
            object.__setattr__(self, name, value)


PAPER_TABLE: Mapping[Regime, Setting] = MappingProxyType(
    {
        Regime.BELOW: Setting(0.0, 1.0),
        Regime.TRANSITION: Setting(0.7, 1.0),
        Regime.SATURATED: Setting(0.8, 0.1),
    }
)
"""The paper's settings (P)."""


@dataclass(frozen=True, slots=True)
class AdaptiveController:
    """A regime detector and a setting for each regime.

    Parameters
    ----------
    detector : RegimeDetector
    table : mapping of Regime to Setting
        All three; the paper's by default (P).

    Raises
    ------
    InvalidInput
        If the table lacks a regime or holds anything else.

    Examples
    --------
    >>> controller = AdaptiveController(RegimeDetector(200.0))
    >>> state = controller.start()
    >>> for ttft_p99_ms in (300.0, 9000.0, 9000.0, 9000.0):
    ...     state = controller.observe(state, ttft_p99_ms)
    >>> controller.router_config_override(state)
    {'overlap_score_weight': 1.0, 'router_temperature': 0.7}
    """

    detector: RegimeDetector
    table: Mapping[Regime, Setting] = field(default_factory=lambda: PAPER_TABLE, hash=False)

    def __post_init__(self) -> None:
        require(isinstance(self.detector, RegimeDetector), f"detector is a RegimeDetector; got {shown(self.detector)}")
        require(
            isinstance(self.table, Mapping) and set(self.table) == set(Regime),
            f"table gives a Setting for each of {', '.join(r.name for r in Regime)}; got {shown(self.table)}",
        )
        table = {Regime(r): self.table[r] for r in Regime}
        wrong = [s for s in table.values() if not isinstance(s, Setting)]
        require(not wrong, f"table maps to Settings; got {shown(wrong[:1])}")
        object.__setattr__(self, "table", MappingProxyType(table))

    def start(self) -> DetectorState:
        """State before the first observation."""
        return self.detector.start()

    def observe(self, state: DetectorState, observation: float | HasQuantiles) -> DetectorState:
        """Return the state after a poll: TTFT P99 in ms, NaN if no request finished, or the TTFTs themselves as a histogram.

        Raises
        ------
        InvalidInput
            As `RegimeDetector.observe`.
        """
        value = observation.quantile_ms(0.99) if isinstance(observation, HasQuantiles) else observation
        return self.detector.observe(state, value)

    def setting(self, state: DetectorState) -> Setting:
        """What the router should be told now."""
        return self.table[state.regime]

    def policy(self, state: DetectorState) -> DynamoRouter:
        """The router under this setting."""
        setting = self.setting(state)
        return DynamoRouter(setting.overlap_weight, setting.temperature)

    def settings(self, series: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """(τ, ω) after each poll of series [..., n] of TTFT P99 in ms, each [..., n]; the same as `observe` poll by poll."""
        regimes = self.detector.regimes(series)
        temperature = np.array([self.table[r].temperature for r in Regime])
        weight = np.array([self.table[r].overlap_weight for r in Regime])
        return temperature[regimes], weight[regimes]

    def router_config_override(self, state: DetectorState, release: Literal["0.9", "1"] = "0.9") -> dict[str, float]:
        """What goes into a request's `router_config_override`.

        Release 1 renamed the weight to overlap_score_credit and scales only the blocks found in cache by it, where 0.9 scales all prefill
        blocks; early releases refuse a credit above 1.

        Raises
        ------
        InvalidInput
            If the release is unknown.
        """
        require(release in OVERLAP_KEYS, f"release is one of {', '.join(OVERLAP_KEYS)}; got {shown(release)}")
        setting = self.setting(state)
        return {OVERLAP_KEYS[release]: setting.overlap_weight, "router_temperature": setting.temperature}


def ttft_p99(ttft_ms: ArrayLike) -> float:
    """P99 in ms of the requests that finished since the last poll, NaN if none did: what a simulator tells a controller.

    The least TTFT that at least 99 % of the requests do not exceed; with fewer than 100 requests, their maximum.

    Raises
    ------
    InvalidInput
        If a time is negative, infinite or NaN.
    """
    if np.size(ttft_ms) == 0:
        return float("nan")
    times = as_polls(ttft_ms, "ttft_ms")
    require(not np.isnan(times).any(), "ttft_ms holds NaN; leave out requests that have not finished")
    return float(np.quantile(times, 0.99, method="inverted_cdf"))
