"""Wardrop equilibria: certified on every network, equal to the Beckmann programme in cvxpy and to best-known digits."""

from __future__ import annotations

from pathlib import Path

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from poagame.errors import Infeasible, InvalidInput
from poagame.games.congestion import CongestionGame
from poagame.games.network import NetworkRouting
from poagame.games.tntp import read_tntp
from poagame.latency import BPR, MM1, Latency, Polynomial, Saturating, Tabulated
from poagame.latency.stacked import Stacked
from poagame.outcome import Outcome
from poagame.solvers.flow.path_newton import face_step
from poagame.solvers.flow.stochastic import simple_paths, stochastic_wardrop
from poagame.solvers.flow.system_optimum import network_optimum
from poagame.solvers.flow.wardrop import WardropEquilibrium, wardrop
from poagame.solvers.optimum import social_optimum
from poagame.testing.networks import networks
from tests.latency.test_marginal import Root

BRAESS = NetworkRouting(
    Polynomial([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), [0, 0, 1, 1, 2], [1, 2, 2, 3, 3], [0], [3], [1.0]
)  # fmt: skip


def paths_are_equilibrium(game: NetworkRouting, found: WardropEquilibrium, rtol: float) -> None:
    """The definition, over all simple paths: no used path is dearer than another by more than the gap allows."""
    ptr, edges, commodity = simple_paths(game)
    cost = game.edge_cost(found.load)
    total = np.array([cost[edges[a:b]].sum() for a, b in zip(ptr[:-1], ptr[1:], strict=True)])
    lost = 0.0
    for p, (flow, k) in enumerate(zip(found.path_flow, found.path_commodity, strict=True)):
        lost += flow * (cost[found.path(p)].sum() - total[commodity == k].min())
    assert lost <= rtol * max(found.social_cost, 1e-300)


@given(networks(), st.sampled_from([1.0, 1e-9, 1e9]))
@settings(max_examples=25)
@example(BRAESS, 1.0)
@example(NetworkRouting.parallel(BPR([0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [4.0, 0.0]), 2.0), 1.0)
@example(NetworkRouting.parallel(Tabulated([0.0, 1.0, 2.0], [[1.0, 1.0, 5.0], [2.0, 2.0, 2.0]]), 3.0), 1.0)
@example(NetworkRouting.parallel(Polynomial([[1.0], [1.0]]), 3.0), 1.0)
def test_every_network_is_solved_and_certified(game: NetworkRouting, scale: float) -> None:
    if scale != 1.0:
        game = game.with_latency(scale * game.latency)
    found = wardrop(game)
    assert found.outcome is Outcome.CONVERGED, found.certificate
    assert found.certificate.relative_gap <= 1e-10
    assert found.certificate.paths_checked
    sums = np.bincount(found.path_commodity, found.path_flow, game.num_commodities)
    np.testing.assert_allclose(sums, game.demand, rtol=4e-16, atol=0.0)
    paths_are_equilibrium(game, found, 1e-10 + 1e-14)
    assert found.certificate.cost_low <= found.social_cost <= found.certificate.cost_high


def wild_network(seed: int) -> NetworkRouting:
    """Networks on which earlier versions crawled: powers from 0 to 8, capacities and demands over orders of magnitude."""
    r = np.random.default_rng(seed)
    n = int(r.integers(4, 40))
    edges, family = 4 * n, seed % 7
    tail = np.append(np.arange(n), r.integers(0, n, edges - n))
    head = np.append((np.arange(n) + 1) % n, r.integers(0, n, edges - n))
    k = int(r.integers(1, 3 * n))
    origin, destination = r.integers(0, n, k), r.integers(0, n, k)
    demand = r.exponential(1, k) * 10 ** r.uniform(-2, 2)
    total = demand.sum()
    room = total * 10 ** r.uniform(-1.5, 1)

    def drawn(f: int, m: int) -> Latency:
        if f == 0:
            r.exponential(1, (m, 6)), r.integers(0, 2, 6)  # noqa: B018 - keeps the draws in step
            load = np.cumsum(r.exponential(room / 5, (m, 6)), 1)
            return Tabulated(load, np.cumsum(r.integers(0, 3, (m, 6)) * 10 ** r.uniform(-2, 2, (m, 6)), 1))
        if f == 1:
            some = r.exponential(1, m) * r.integers(0, 2, m)
            return BPR(some, r.exponential(room, m) + 0.01 * room, r.exponential(1, m), r.uniform(0, 1.5, m))
        if f == 2:
            most = r.exponential(1, m), r.exponential(room / 5, m) + 0.01 * room, r.exponential(1, m)
            return BPR(*most, r.uniform(0, 8, m))
        if f == 3:
            return MM1(total * r.uniform(0.2, 2, m))
        if f == 4:
            base, slope = r.exponential(1, m), r.exponential(1, m) * r.integers(0, 2, m)
            return Saturating(base, slope, r.exponential(1, m) + 0.01, total * r.uniform(0.2, 2, m))
        return Polynomial(r.exponential(1, (m, 4)) * r.integers(0, 2, (m, 4)))

    if family == 6:
        sizes = [len(part) for part in np.array_split(np.arange(edges), 6)]
        parts = [drawn(f, m) for f, m in enumerate(sizes)]
        latency: Latency = Stacked(parts, np.array_split(r.permutation(edges), 6))
    else:
        latency = drawn(family, edges)
    return NetworkRouting([1.0, 1e-9, 1e9][seed % 3] * latency, tail, head, origin, destination, demand)


@pytest.mark.parametrize("seed", [9, 78, 82, 83])
def test_wild_networks(seed: int) -> None:
    found = wardrop(wild_network(seed))
    assert found.outcome is Outcome.CONVERGED
    assert found.num_steps <= 100


def beckmann_programme(game: NetworkRouting) -> float:
    """Least Beckmann value in cvxpy, with arc flows of each commodity."""
    flows = cp.Variable((game.num_edges, game.num_commodities), nonneg=True)
    nodes = np.arange(game.num_nodes)[:, None]
    balance = (game.tail == nodes).astype(float) - (game.head == nodes).astype(float)
    wanted = np.zeros((game.num_nodes, game.num_commodities))
    for k in range(game.num_commodities):
        wanted[game.origin[k], k] += game.demand[k]
        wanted[game.destination[k], k] -= game.demand[k]
    load = cp.sum(flows, axis=1)
    latency, terms = game.latency, []
    for e in range(game.num_edges):
        if isinstance(latency, Polynomial):
            c = latency.coefficients[e]
            terms.append(sum(c[i] / (i + 1) * cp.power(load[e], i + 1) for i in range(c.size)))
        elif isinstance(latency, MM1):
            terms.append(-cp.log(1 - load[e] / latency.service_rate[e]))
        elif isinstance(latency, BPR):
            p = float(latency.power[e])
            bent = cp.power(load[e] / latency.capacity[e], p + 1) * latency.b[e] / (p + 1) * latency.capacity[e]
            terms.append(latency.free_flow_time[e] * (load[e] + bent))
    problem = cp.Problem(cp.Minimize(cp.sum(terms)), [balance @ flows == wanted])
    return float(problem.solve(solver=cp.CLARABEL))


def random_network(latency: Latency, rng: np.random.Generator) -> NetworkRouting:
    edges, nodes = latency.num_resources, 5
    tail = np.append(np.arange(nodes), rng.integers(0, nodes, edges - nodes))
    head = np.append((np.arange(nodes) + 1) % nodes, rng.integers(0, nodes, edges - nodes))
    return NetworkRouting(latency, tail, head, [0, 2, 4], [3, 1, 2], rng.uniform(0.5, 2.0, 3))


@pytest.mark.parametrize("seed", range(3))
def test_beckmann_programme_agrees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    families = [
        Polynomial(rng.uniform(0, 1, (12, 4))),
        MM1(rng.uniform(6.5, 12.0, 12)),
        BPR(rng.uniform(0, 2, 12), rng.uniform(0.5, 2, 12), rng.uniform(0, 1, 12), rng.integers(0, 5, 12)),
    ]
    for latency in families:
        game = random_network(latency, rng)
        assert wardrop(game).beckmann == pytest.approx(beckmann_programme(game), rel=1e-6)


CERTIFIED = [
    ("SiouxFalls", 4231335.28710744, 7480225.344921, 1.0397497),
    ("Anaheim", 1286032.17109603, 1419913.851059, 1.01785),
]


@pytest.mark.parametrize(("name", "beckmann", "time", "poa"), CERTIFIED, ids=[c[0] for c in CERTIFIED])
def test_best_known_digits(shared_data: Path, name: str, beckmann: float, time: float, poa: float) -> None:
    folder = shared_data / "tntp"
    game = read_tntp(folder / f"{name}_net.tntp", folder / f"{name}_trips.tntp")
    found = wardrop(game, rtol=1e-12)
    assert found.outcome is Outcome.CONVERGED
    assert found.beckmann == pytest.approx(beckmann, rel=1e-14)
    assert found.social_cost == pytest.approx(time, rel=1e-11)
    best = social_optimum(game)
    assert best.outcome is Outcome.OPTIMAL
    assert found.social_cost / best.social_cost == pytest.approx(poa, abs=6e-8 if name == "SiouxFalls" else 5e-6)
    table = np.loadtxt(folder / f"{name}_flow.tntp", skiprows=1)
    links = {(int(u), int(v)): x for u, v, x in table[:, :3]}
    known = np.array([links[u + 1, v + 1] for u, v in zip(game.tail.tolist(), game.head.tolist(), strict=True)])
    np.testing.assert_allclose(found.load, known, rtol=1e-6, atol=1e-6 * known.max())


def test_braess(shared_data: Path) -> None:
    found = wardrop(BRAESS)
    assert found.social_cost == pytest.approx(2.0)
    assert found.social_cost / social_optimum(BRAESS).social_cost == pytest.approx(4 / 3)
    game = read_tntp(shared_data / "tntp" / "Braess_net.tntp", shared_data / "tntp" / "Braess_trips.tntp")
    assert wardrop(game).social_cost == pytest.approx(552.0, rel=1e-9)


@pytest.mark.parametrize("degree", [1, 2, 4, 10])
def test_pigou(degree: int) -> None:
    c = np.zeros((2, degree + 1))
    c[0, 0] = c[1, degree] = 1.0
    game = NetworkRouting.parallel(Polynomial(c), 1.0)
    poa = 1.0 / (1.0 - degree * (degree + 1) ** (-(degree + 1) / degree))
    assert wardrop(game).social_cost / social_optimum(game).social_cost == pytest.approx(poa, rel=1e-9)


@given(networks(families=("affine", "polynomial", "bpr", "mm1", "saturating")))
@settings(max_examples=15)
def test_no_equilibrium_beats_the_optimum(game: NetworkRouting) -> None:
    best, found = social_optimum(game), wardrop(game)
    assert best.lower_bound <= best.social_cost * (1 + 1e-12)
    assert best.outcome is Outcome.OPTIMAL
    assert best.social_cost <= found.social_cost * (1 + 1e-9)


@pytest.mark.parametrize("rho", [0.25, 0.5, 0.8, 0.99])
def test_mm1_pigou_pair(rho: float) -> None:
    latency = Stacked.of([MM1(1.0), Polynomial([1.0 / (1.0 - rho)])])
    game = NetworkRouting.parallel(latency, rho)
    ratio = wardrop(game, rtol=1e-12).social_cost / social_optimum(game).social_cost
    assert ratio == pytest.approx(0.5 * (1 + (1 - rho) ** -0.5), rel=1e-6)


def test_warm_start_takes_fewer_steps(shared_data: Path) -> None:
    folder = shared_data / "tntp"
    game = read_tntp(folder / "SiouxFalls_net.tntp", folder / "SiouxFalls_trips.tntp")
    cold = wardrop(game)
    again = wardrop(game, start=cold)
    assert again.num_steps == 1
    np.testing.assert_allclose(again.load, cold.load, rtol=1e-12)
    more = game.scaled(1.01 * game.total_demand)
    warm = wardrop(more, start=cold)
    assert warm.outcome is Outcome.CONVERGED
    assert warm.num_steps < wardrop(more).num_steps
    assert warm.beckmann == pytest.approx(wardrop(more).beckmann, rel=1e-12)
    assert wardrop(game.marginal_cost_game(), start=cold).outcome is Outcome.CONVERGED
    some = game.with_demand(np.where(np.arange(game.num_commodities) % 2, game.demand, 0.0))
    full = wardrop(game, start=wardrop(some))
    assert full.beckmann == pytest.approx(cold.beckmann, rel=1e-12)
    with pytest.raises(InvalidInput, match="another network"):
        wardrop(BRAESS, start=cold)


def test_first_through_nodes_are_not_crossed() -> None:
    # the short way 1 → 0 → 2 passes through the zone 0
    latency = Polynomial([[1.0], [1.0], [5.0], [1.0]])
    tail, head = [1, 0, 1, 0], [0, 2, 2, 0]
    trips = {"origin": [1, 0, 1], "destination": [2, 2, 0], "demand": [1.0, 1.0, 1.0]}
    closed = NetworkRouting(latency, tail, head, **trips, first_through=1)
    np.testing.assert_array_equal(wardrop(closed).load, [1.0, 1.0, 1.0, 0.0])
    assert wardrop(closed).certificate.holds
    opened = NetworkRouting(latency, tail, head, **trips)
    np.testing.assert_array_equal(wardrop(opened).load, [2.0, 2.0, 0.0, 0.0])


def test_demand_near_and_beyond_capacity() -> None:
    links = MM1([2.0, 3.0, 1.0])
    found = wardrop(NetworkRouting.parallel(links, 5.999))
    assert found.outcome is Outcome.CONVERGED
    assert (found.load < [2.0, 3.0, 1.0]).all()
    for demand in (6.0, 6.1, 100.0):
        with pytest.raises(Infeasible, match="do not fit below the capacities"):
            wardrop(NetworkRouting.parallel(links, demand))
    with pytest.raises(Infeasible, match="commodity 0 .* costs infinity"):
        wardrop(NetworkRouting.parallel(MM1([1.0]).preloaded(2.0), 0.5))
    mixed = Stacked.of([Saturating(0.0, 0.0, 1.0, 2.0), Polynomial([100.0, 1.0])])
    assert wardrop(NetworkRouting.parallel(mixed, 50.0)).outcome is Outcome.CONVERGED


NO_ROOM = MM1(1.0).preloaded(2.0)


@pytest.mark.parametrize(
    ("others", "load"),
    [([Polynomial([1.0, 1.0])], [1.0]), ([MM1(2.0)], [1.0]), ([MM1(1.0), MM1(1.0)], [0.5, 0.5])],
    ids=["affine", "bounded", "start beyond capacity"],
)
def test_an_edge_without_room_is_left_unused(others: list[Latency], load: list[float]) -> None:
    game = NetworkRouting.parallel(Stacked.of([NO_ROOM, *others]), 1.0)
    found = wardrop(game)
    assert found.outcome is Outcome.CONVERGED
    np.testing.assert_allclose(found.load, [0.0, *load])
    assert found.beckmann == pytest.approx(sum(float(f.integral(x)[0]) for f, x in zip(others, load, strict=True)))
    everywhere = NetworkRouting.parallel(Polynomial(np.eye(len(load) + 1)[:, :2] + 0.1), 1.0)
    assert wardrop(game, start=wardrop(everywhere)).load[0] == 0.0


def test_edges_without_room_in_series_and_with_too_much_demand() -> None:
    latency = Stacked.of([NO_ROOM, Polynomial([1.0, 1.0]), MM1(2.0), MM1(3.0)])
    game = NetworkRouting(latency, [0, 0, 1, 1], [1, 1, 2, 2], [0], [2], [4.5])
    np.testing.assert_allclose(wardrop(game).load, [0.0, 4.5, 1.75, 2.75], rtol=1e-9)
    with pytest.raises(Infeasible, match=r"need at least 1\.\d+ of theirs"):
        wardrop(game.scaled(6.0))


@pytest.mark.parametrize("slack", [1e-7, 1e-8, 1e-11])
def test_narrow_room_is_found(slack: float) -> None:
    found = wardrop(NetworkRouting.parallel(MM1([2.0, 3.0, 1.0]), 6.0 - slack))
    assert (found.load < [2.0, 3.0, 1.0]).all()
    assert found.outcome is (Outcome.CONVERGED if found.certificate.holds else Outcome.STALLED)
    assert found.certificate.holds or slack <= 1e-8


def test_start_must_fit_edge_by_edge() -> None:
    latency = Polynomial([1.0, 1.0])
    one = NetworkRouting(latency, [0, 1, 0, 2], [1, 3, 2, 3], [0], [3], [1.0])
    other = NetworkRouting(latency, [0, 2, 0, 1], [1, 3, 2, 3], [0], [3], [1.0])
    closed = NetworkRouting(latency, [0, 1, 0, 2, 0], [1, 3, 2, 3, 3], [0], [3], [1.0], 4, 2)
    with pytest.raises(InvalidInput, match="another network"):
        wardrop(other, start=wardrop(one))
    opened = NetworkRouting(latency, [0, 1, 0, 2, 0], [1, 3, 2, 3, 3], [0], [3], [1.0])
    with pytest.raises(InvalidInput, match="another network"):
        wardrop(closed, start=wardrop(opened.with_latency(Polynomial([[0, 1], [0, 1], [0, 1], [0, 1], [9, 1]]))))
    with pytest.raises(InvalidInput, match="ndarray"):
        wardrop(one, start=np.ones(4))  # pyright: ignore[reportArgumentType]


def test_other_games_are_referred_to_their_verbs() -> None:
    game = CongestionGame(Polynomial([1.0, 1.0]).replicated(2), [[[0], [1]]] * 2)
    for verb in (wardrop, network_optimum, lambda game: stochastic_wardrop(game, 1.0)):
        with pytest.raises(InvalidInput, match=r"takes a NetworkRouting; got CongestionGame.*equilibrium\(game\)"):
            verb(game)


def test_optimum_without_convexity_on_two_links() -> None:
    rng = np.random.default_rng(0)
    parts = np.linspace(0.0, 3.0, 30_001)
    for _ in range(6):
        table = Tabulated([0.0, 1.0, 2.0, 3.0], np.sort(rng.uniform(0.0, 1.0, (2, 4)), axis=1))
        game = NetworkRouting.parallel(table, 3.0)
        best = network_optimum(game)
        least = float(np.min(game.social_cost(np.stack([parts, 3.0 - parts], axis=1))))
        assert best.lower_bound <= least
        assert best.social_cost == pytest.approx(least, rel=1e-8)


def test_a_users_latency() -> None:
    game = NetworkRouting.parallel(Stacked.of([Root(np.array([1.0])), Polynomial([1.0, 0.0])]), 2.0)
    found = wardrop(game)
    np.testing.assert_allclose(found.load, [1.0, 1.0], rtol=1e-9)
    best = network_optimum(game)
    assert best.outcome is Outcome.BOUNDED  # nobody said that load · latency is convex
    assert 0.99 * best.social_cost <= best.lower_bound <= best.social_cost
    assert best.social_cost == pytest.approx(2.0 - 0.6 * 0.4 ** (2 / 3), rel=1e-9)  # 2.5 x^1.5 = 1


def test_nothing_to_route() -> None:
    for game in (NetworkRouting(MM1(1.0), [0], [1], [0], [0], [3.0]), NetworkRouting.parallel(MM1([1.0, 2.0]), 0.0)):
        found = wardrop(game)
        assert found.outcome is Outcome.CONVERGED
        assert found.social_cost == 0.0
        assert not found.load.any()


def test_max_steps_and_bad_arguments() -> None:
    game = NetworkRouting.parallel(Polynomial([[0.0, 1.0, 1.0], [0.5, 1.0, 3.0], [0.1, 0.0, 7.0]]), 2.0)
    cut = wardrop(game, max_steps=1)
    assert cut.outcome is Outcome.MAX_STEPS_REACHED
    assert not cut.certificate.holds
    for bad in ({"rtol": 0.0}, {"rtol": np.nan}, {"max_steps": 0}):
        with pytest.raises(InvalidInput):
            wardrop(game, **bad)


@pytest.mark.parametrize("links", [4, 300])  # eliminated, and by conjugate gradients
def test_newton_step_equalises_used_paths(links: int) -> None:
    rng = np.random.default_rng(links)
    cost, slope = rng.uniform(1.0, 2.0, links), rng.uniform(1.0, 3.0, links)
    flow = np.full(links, 10.0)
    now, after = cost.copy(), flow.copy()
    ptr = np.arange(links + 1)
    assert face_step(now, slope, np.array([0, links]), ptr, np.arange(links, dtype=np.int32), after, 1000)
    np.testing.assert_allclose(after.sum(), flow.sum(), rtol=1e-13)
    np.testing.assert_allclose(now, cost + slope * (after - flow), rtol=1e-13)
    np.testing.assert_allclose(now, now[0], rtol=1e-4)
