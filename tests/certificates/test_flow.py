"""The flow certificate catches every lie about a flow, and its error bar holds the equilibrium's cost."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poagame.certificates.flow import certify_flow, commodity_distances, flow_lower_bound
from poagame.errors import InvalidInput
from poagame.games.network import NetworkRouting
from poagame.games.tntp import read_tntp
from poagame.latency import MM1, Latency, Polynomial, Tabulated
from poagame.outcome import Outcome
from poagame.solvers import social_optimum
from poagame.solvers.flow.wardrop import wardrop
from poagame.testing.networks import networks

PIGOU = NetworkRouting.parallel(Polynomial([[1.0, 0.0], [0.0, 1.0]]), 1.0)


def test_pigou_by_hand() -> None:
    proof = certify_flow(PIGOU, [0.5, 0.5])
    assert proof.gap == pytest.approx(0.25)
    assert proof.relative_gap == pytest.approx(1 / 3)
    assert not proof.holds
    assert certify_flow(PIGOU, [0.0, 1.0]).holds
    assert not certify_flow(PIGOU, [0.1, 1.0]).holds  # 10 % too much flow
    assert certify_flow(PIGOU, [0.1, 1.0]).conservation_error == pytest.approx(0.1)


def test_paths_are_walked() -> None:
    load = [0.0, 1.0]
    right = (np.array([0, 1]), np.array([1]), np.array([1.0]), np.array([0]))
    assert certify_flow(PIGOU, load, paths=right).paths_checked
    assert certify_flow(PIGOU, load, paths=right).holds
    other_edge = (right[0], np.array([0]), *right[2:])
    too_much = (*right[:2], np.array([1.1]), right[3])
    for wrong in (other_edge, too_much):
        assert not certify_flow(PIGOU, load, paths=wrong).holds


def test_commodities_that_swap_ends_are_caught() -> None:
    # node balances hold, yet the units of each origin go to the wrong destination
    game = NetworkRouting(Polynomial([[1.0]] * 4), [0, 1, 2, 2], [2, 2, 3, 4], [0, 1], [3, 4], [1.0, 1.0])
    swapped = (np.array([0, 2, 4]), np.array([0, 3, 1, 2]), np.ones(2), np.array([0, 1]))
    assert certify_flow(game, np.ones(4)).conservation_error == 0.0
    assert certify_flow(game, np.ones(4), paths=swapped).conservation_error == np.inf
    gapped = (np.array([0, 2, 4]), np.array([0, 2, 0, 3]), np.ones(2), np.array([0, 1]))
    assert not certify_flow(game, np.ones(4), paths=gapped).holds
    closed = NetworkRouting(
        Polynomial([[1.0]] * 5), [0, 1, 2, 2, 0], [2, 2, 3, 4, 3], [0, 1], [3, 3], [1.0, 0.0], first_through=3
    )  # fmt: skip
    through = (np.array([0, 2]), np.array([0, 2]), np.ones(1), np.array([0]))
    assert not certify_flow(closed, [1.0, 0.0, 1.0, 0.0, 0.0], paths=through).holds


@given(networks(families=("affine",)), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_distances_are_those_of_networkx(game: NetworkRouting, seed: int) -> None:
    cost = np.random.default_rng(seed).integers(0, 4, game.num_edges).astype(float)
    found = commodity_distances(game, cost)
    for k in range(game.num_commodities):
        graph = nx.DiGraph()
        graph.add_nodes_from(range(game.num_nodes))
        for u, v, c in zip(game.tail.tolist(), game.head.tolist(), cost.tolist(), strict=True):
            open_ = u >= game.first_through or u == game.origin[k]
            if open_ and u != v and (not graph.has_edge(u, v) or graph[u][v]["weight"] > c):
                graph.add_edge(u, v, weight=c)
        try:
            wanted = nx.bellman_ford_path_length(graph, int(game.origin[k]), int(game.destination[k]))
        except nx.NetworkXNoPath:
            wanted = np.inf
        assert found[k] == wanted


@given(networks(), st.sampled_from([1, 2, 3]), st.floats(1e-6, 0.5))
@settings(max_examples=20)
def test_the_error_bar_holds_the_equilibrium(game: NetworkRouting, steps: int, part: float) -> None:
    exact = wardrop(game, rtol=1e-13)
    if not exact.certificate.holds:
        return
    low, high = exact.certificate.cost_low, exact.certificate.cost_high
    rough = wardrop(game, rtol=1e-13, max_steps=steps)
    # towards another feasible flow: the equilibrium of the same demand under other latencies
    other = wardrop(game.with_latency(Polynomial(np.ones((game.num_edges, 1)))))
    for load in (rough.load, (1 - part) * exact.load + part * other.load):
        bar = certify_flow(game, load)
        assert bar.cost_low <= high * (1 + 1e-12)
        assert bar.cost_high >= low * (1 - 1e-12)
        if low == high:
            assert bar.cost_low <= exact.social_cost <= bar.cost_high


def test_the_error_bar_is_worth_something(shared_data: Path) -> None:
    folder = shared_data / "tntp"
    game = read_tntp(folder / "SiouxFalls_net.tntp", folder / "SiouxFalls_trips.tntp")
    proof = wardrop(game, rtol=1e-12).certificate
    assert proof.cost_low <= 7480225.344921 <= proof.cost_high
    assert proof.cost_high - proof.cost_low <= 1e-5 * proof.total


@given(networks(families=("affine", "bpr", "mm1", "saturating")), st.floats(0.0, 1.0))
@settings(max_examples=20)
def test_the_lower_bound_undercuts_every_feasible_flow(game: NetworkRouting, part: float) -> None:
    here, best = wardrop(game).load, wardrop(game.marginal_cost_game(), rtol=1e-12).load
    other = wardrop(game.with_latency(Polynomial(np.ones((game.num_edges, 1))))).load
    least = float(game.social_cost(best))
    assert flow_lower_bound(game, best) == pytest.approx(least, rel=1e-9, abs=1e-300)
    bound = flow_lower_bound(game, (1 - part) * here + part * other)
    assert bound <= least * (1 + 1e-12)


def test_bad_loads_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"must be \[E\]"):
        certify_flow(PIGOU, [1.0])
    with pytest.raises(InvalidInput, match="nonnegative"):
        certify_flow(PIGOU, [-1.0, 2.0])


def test_str_is_a_line() -> None:
    assert "does not hold" in str(certify_flow(PIGOU, [0.5, 0.5]))


def test_loads_that_no_commodity_carries_are_refused() -> None:
    """Node balances alone are met here, by flow that swaps the commodities' ends or passes through a closed zone."""
    swapped = NetworkRouting(
        Polynomial([[5.0], [5.0], [1.0], [1.0]]), [0, 1, 0, 1], [2, 3, 3, 2], [0, 1], [2, 3], [1.0, 1.0]
    )
    closed = NetworkRouting(Polynomial([[1.0], [1.0], [5.0]]), [1, 0, 1], [0, 2, 2], [1], [2], [1.0], first_through=1)
    for game, load in ((swapped, [0.0, 0.0, 1.0, 1.0]), (closed, [1.0, 1.0, 0.0])):
        proof = certify_flow(game, load)
        assert proof.gap < 0
        assert not proof.holds
        assert (proof.cost_low, proof.cost_high) == (0.0, np.inf)
    assert certify_flow(closed, [0.0, 0.0, 1.0]).holds


@pytest.mark.parametrize(
    "paths",
    [
        ([0, 1], [1], [np.nan], [0]),
        ([0, 1], [1], [-1.0], [0]),
        ([0, 1], [7], [1.0], [0]),
        ([0, 1], [-1], [1.0], [0]),
        ([0, 1], [1], [1.0], [3]),
        ([1, 1], [1], [1.0], [0]),
        ([0, 2], [1], [1.0], [0]),
        ([0], [], [], []),
    ],
)
def test_nonsense_paths_never_hold(paths: tuple[list[float], ...]) -> None:
    pigou = NetworkRouting.parallel(Polynomial([[1.0, 0.0], [0.0, 1.0]]), 1.0)
    arrays = tuple(np.array(part, dtype=float if k == 2 else int) for k, part in enumerate(paths))
    assert not certify_flow(pigou, [0.0, 1.0], paths=arrays).holds  # type: ignore[arg-type]
    assert certify_flow(
        pigou, [0.0, 1.0], paths=(np.array([0, 1]), np.array([1]), np.array([1.0]), np.array([0]))
    ).holds


def test_no_cost_is_claimed_for_loads_that_miss_the_demand() -> None:
    pigou = NetworkRouting.parallel(Polynomial([[1.0, 0.0], [0.0, 1.0]]), 1.0)
    for load in ([0.0, 0.0], [0.0, 0.5]):
        proof = certify_flow(pigou, load)
        assert not proof.holds
        assert proof.cost_low <= 1.0 <= proof.cost_high


def test_the_bound_holds_where_cost_is_not_convex() -> None:
    """Against a fine grid on two links whose tables bend down."""
    rng = np.random.default_rng(0)
    gaps = []
    for _ in range(25):
        latency = Tabulated([0.0, 1.0, 2.0, 3.0], np.sort(rng.random((2, 4)), axis=1))
        demand = float(rng.uniform(0.5, 3.0))
        game = NetworkRouting.parallel(latency, demand)
        first = np.union1d(np.linspace(0.0, demand, 4001), np.clip([1.0, 2.0, demand - 1.0, demand - 2.0], 0.0, demand))
        costs = game.social_cost(np.stack([first, demand - first], axis=1))
        best = int(np.argmin(costs))
        for at in (best, 0, len(first) // 3):
            bound = flow_lower_bound(game, [first[at], demand - first[at]])
            assert 0.0 < bound <= costs[best] * (1.0 + 1e-12)
        gaps.append(1.0 - flow_lower_bound(game, [first[best], demand - first[best]]) / costs[best])
    assert np.median(gaps) < 0.1  # the hull may stay below, but says something


def test_a_straight_table_is_convex_whatever_its_rounding() -> None:
    x = np.arange(0.0, 1.01, 0.1)
    game = NetworkRouting.parallel(Tabulated(x, [1.0 + x, 2.0 + 0.0 * x]), 2.0)
    best = social_optimum(game)
    assert best.outcome is Outcome.OPTIMAL
    assert best.social_cost == pytest.approx(3.75)


@pytest.mark.parametrize("latency", [MM1([2.0, 3.0]), Tabulated([0.0, 0.1, 0.2], [[0.0, 0.1, 0.1], [0.0, 1.0, 1.1]])])
def test_no_demand_costs_nothing_and_divides_nothing_by_nothing(latency: Latency) -> None:
    game = NetworkRouting(latency, [0, 0], [1, 1], [0], [1], [0.0], 2)
    best = social_optimum(game)  # a division of 0 by 0 would warn, and warnings are errors
    assert best.social_cost == best.lower_bound == 0.0
    assert certify_flow(game, best.profile).holds
    assert flow_lower_bound(game, np.zeros(2)) == 0.0
