"""Log-periodic powers: each function is that of the definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from poagame.errors import InvalidInput
from poagame.latency import BPR, MM1, LogPeriodic, MarginalCost, Polynomial, Saturating, total_cost_is_convex


@pytest.mark.parametrize(
    ("degree", "amplitude", "phase"), [(1.0, 0.5, 0.0), (2.0, 0.5, 2.0), (0.5, 0.0, 0.0), (3.0, 0.9, 1.0)]
)
@pytest.mark.parametrize("load", [0.03, 1.0, 40.0])
def test_against_the_definition(degree: float, amplitude: float, phase: float, load: float) -> None:
    def by_hand(x: float) -> float:
        return x**degree * (1.0 + amplitude * np.sin(np.log(x) + phase))

    latency, h = LogPeriodic(degree, amplitude, phase), 1e-4 * load
    assert latency([load]) == pytest.approx([by_hand(load)])
    slope = (by_hand(load + h) - by_hand(load - h)) / (2 * h)
    assert latency.derivative(np.array([load])) == pytest.approx([slope], rel=1e-6)
    bend = (by_hand(load + h) - 2 * by_hand(load) + by_hand(load - h)) / h**2
    assert latency.curvature(np.array([load])) == pytest.approx([bend], rel=1e-4, abs=1e-6 * by_hand(load) / load**2)
    area = quad(by_hand, load / 10, load, epsabs=0.0, epsrel=1e-10)[0]
    assert latency.integral([load]) - latency.integral([load / 10]) == pytest.approx([area], rel=1e-9)
    assert latency([0.0]) == latency.integral([0.0]) == 0.0


def test_latencies_that_would_fall_are_refused() -> None:
    with pytest.raises(InvalidInput, match="amplitude"):
        LogPeriodic(1.0, 0.8, 0.0)


def test_what_is_called_convex_is() -> None:
    """Second differences of load × latency, also of marginal costs; a swing too wide is not called so."""
    x = np.linspace(0.0, 0.95, 400)
    for latency in (Polynomial([1.0, 0.0, 2.0]), BPR(1.0, 1.0, 0.2, 0.5), MM1(1.0), Saturating(1.0, 0.1, 0.3, 1.0)):
        for one in (latency, MarginalCost(latency)):
            assert total_cost_is_convex(one).all()
            total = x * one(x[:, None])[:, 0]
            assert np.diff(total, 2).min() >= -1e-12 * total.max()
    assert total_cost_is_convex(LogPeriodic(1.0, 0.5, 0.0)).all()
    assert not total_cost_is_convex(LogPeriodic(1.0, 0.7, 0.0)).any()
    assert not total_cost_is_convex(MarginalCost(LogPeriodic(1.0, 0.5, 0.0))).any()  # unknown is not convex
