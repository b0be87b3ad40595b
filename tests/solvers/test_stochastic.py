"""Stochastic user equilibrium: the logit fixed point, its limits, and the numbers of two classical networks."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from poagame.errors import InvalidInput, TooLarge
from poagame.games.network import NetworkRouting
from poagame.latency import MM1, Polynomial
from poagame.outcome import Outcome
from poagame.solvers.flow.stochastic import simple_paths, stochastic_wardrop
from poagame.solvers.flow.wardrop import wardrop
from poagame.testing.networks import networks
from tests.solvers.test_wardrop import BRAESS

PIGOU = NetworkRouting.parallel(Polynomial([[0.0, 1.0], [1.0, 0.0]]), 1.0)


@pytest.mark.parametrize(
    ("temperature", "ratio"),
    [(0.001, 1.326376), (0.01, 1.290048), (0.1, 1.151110), (0.5, 1.035245), (1.0, 1.013053), (10.0, 1.000198)],
)
def test_pigou(temperature: float, ratio: float) -> None:
    found = stochastic_wardrop(PIGOU, temperature)
    assert found.outcome is Outcome.CONVERGED
    assert found.social_cost / 0.75 == pytest.approx(ratio, abs=1e-6)
    p = brentq(lambda p: p - 1 / (1 + exp((p - 1) / temperature)), 0.0, 1.0, xtol=1e-15)
    assert found.load[0] == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize(
    ("temperature", "ratio"), [(0.01, 1.290381), (0.1, 1.161402), (1.0, 1.054040), (10.0, 1.038692), (1e8, 28 / 27)]
)
def test_braess(temperature: float, ratio: float) -> None:
    assert stochastic_wardrop(BRAESS, temperature).social_cost / 1.5 == pytest.approx(ratio, abs=1e-6)


def test_cold_limit_is_wardrop() -> None:
    game = NetworkRouting.parallel(Polynomial([[0.0, 1.0], [0.3, 2.0], [0.5, 0.5]]), 1.0)
    np.testing.assert_allclose(stochastic_wardrop(game, 1e-6).load, wardrop(game).load, atol=1e-4)


@given(networks(max_nodes=4, max_extra_edges=4, families=("affine", "polynomial", "mm1", "saturating")),
       st.sampled_from([0.05, 1.0, 20.0]))  # fmt: skip
@settings(max_examples=15)
def test_it_minimises_the_entropy_programme(game: NetworkRouting, temperature: float) -> None:
    found = stochastic_wardrop(game, temperature)
    assert found.certificate.holds, found.certificate

    def objective(flow: np.ndarray) -> float:
        load = np.bincount(found.path_edges, np.repeat(flow, np.diff(found.path_ptr)), game.num_edges)
        entropy = np.where(flow > 0, flow * np.log(np.where(flow > 0, flow, 1.0)), 0.0).sum()
        return float(game.beckmann(load)) + temperature * float(entropy)

    least = objective(found.path_flow)
    rng = np.random.default_rng(0)
    for _ in range(5):
        weight = rng.exponential(size=found.path_flow.size)
        sums = np.bincount(found.path_commodity, weight, game.num_commodities)
        other = game.demand[found.path_commodity] * weight / sums[found.path_commodity]
        mixed = 0.9 * found.path_flow + 0.1 * other
        assert objective(mixed) >= least - 1e-9 * (1.0 + abs(least))


def test_paths_are_simple_and_honour_closed_nodes() -> None:
    ring = NetworkRouting(Polynomial([0.0, 1.0]), [0, 1, 2, 0, 1, 1], [1, 2, 0, 2, 1, 2], [0], [2], [1.0])
    ptr, edges, _ = simple_paths(ring)
    rows = {tuple(edges[a:b].tolist()) for a, b in zip(ptr[:-1], ptr[1:], strict=True)}
    assert rows == {(0, 1), (3,), (0, 5)}
    latency = Polynomial([0.0, 1.0])
    closed = NetworkRouting(latency, [0, 2, 0, 2], [2, 1, 1, 0], [0, 2], [1, 1], [1.0, 1.0], 3, 2)
    ptr, edges, commodity = simple_paths(closed)
    rows = {tuple(edges[a:b].tolist()) for a, b in zip(ptr[:-1], ptr[1:], strict=True)}
    assert rows == {(0, 1), (2,), (1,)}
    assert commodity.tolist() == [0, 0, 1]


def test_limits_and_bad_input() -> None:
    stages = 20
    layered = NetworkRouting(
        Polynomial([1.0, 1.0]),
        np.repeat(np.arange(stages), 2),
        np.repeat(np.arange(stages), 2) + 1,
        [0],
        [stages],
        [1.0],
    )
    with pytest.raises(TooLarge, match=r"20,000 simple paths.*wardrop"):
        stochastic_wardrop(layered, 1.0)
    for temperature in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InvalidInput, match="temperature"):
            stochastic_wardrop(PIGOU, temperature)
    with pytest.raises(InvalidInput, match="exceeds a capacity"):
        stochastic_wardrop(NetworkRouting.parallel(MM1([1.0, 5.0]), 4.0), 1.0)


def test_nothing_to_route() -> None:
    found = stochastic_wardrop(NetworkRouting.parallel(MM1([1.0, 2.0]), 0.0), 1.0)
    assert found.social_cost == 0.0
    assert found.outcome is Outcome.CONVERGED
