"""Known prices of anarchy as data: each instance is solved by the general solvers and compared with the published digits.

A row is (game, concept, price of anarchy, relative tolerance). The digits are those of the literature or of programmes that share
nothing with poagame; the tolerance is half a unit of their last place, or what the formula's limit leaves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

import poagame as pg
from poagame.games import instances
from poagame.games.network import NetworkRouting
from poagame.latency import MM1, Tabulated

Row = tuple[str, Callable[[], Any], float, float]


def rows(name: str, make: Callable[..., Any], table: dict[Any, float], rtol: float) -> list[Row]:
    return [
        (f"{name} {key}", lambda key=key: make(*key) if isinstance(key, tuple) else make(key), value, rtol)
        for key, value in table.items()
    ]


POLYNOMIAL = {
    1: 1.333333333, 2: 1.625752385, 3: 1.895628204, 4: 2.150501765, 5: 2.394383345, 6: 2.629720505, 7: 2.858143220,
    8: 3.080804875, 9: 3.298558983, 10: 3.512059287,
}  # fmt: skip
MM1_UTILISATION = {
    0.1: 1.027046, 0.25: 1.077350, 0.5: 1.207107, 0.75: 1.5, 0.8: 1.618034, 0.9: 2.081139, 0.95: 2.736068, 0.99: 5.5,
    0.999: 16.311388,
}  # fmt: skip
BPR = {0.5: 1.0049938, 1.0: 1.0750164, 1.5: 1.3002403, 2.0: 1.6067912, 3.0: 1.9774899, 5.0: 2.1247026, 10.0: 2.1488547}
MONOMIAL = {
    (1, 2): 1.035513, (1, 3): 1.098206, (1, 4): 1.167572, (1, 8): 1.449547, (2, 3): 1.014657, (2, 4): 1.044977,
    (2, 6): 1.121470,
}  # fmt: skip
UNWEIGHTED = {1: 5 / 2, 2: 115 / 12, 3: 1163 / 28, 4: 110269 / 412, 5: 1916179 / 1266, 6: 32936989 / 2668}

NONATOMIC: list[Row] = [
    *rows("pigou", instances.pigou, POLYNOMIAL, 3e-10),
    *rows("pigou", instances.pigou, {100: 18.32950, 1000: 126.95080}, 5e-7),
    *rows("M/M/1 pair", instances.mm1_pigou, MM1_UTILISATION, 5e-7),
    *rows("BPR pair", instances.bpr_pigou, BPR, 5e-8),
    *rows("BPR pair", instances.bpr_pigou, {(1.0, 1.0): 1.3651805}, 5e-8),
    *rows("monomials", instances.monomial_pigou, MONOMIAL, 2e-5),  # the digits come from a grid
    ("braess", instances.braess, 4 / 3, 1e-12),
    ("braess without its bridge", lambda: instances.braess(bridge=False), 1.0, 1e-12),
    *rows("queues 4 and 1", instances.two_queues, {3.0: 1.2, 4.0: 1.142857143, 4.5: 1.125}, 5e-10),
    *rows("parallel queues", instances.parallel_queues, {(2, 1e2): 1.693484, (2, 1e4): 1.961167, (2, 1e6): 1.996012}, 5e-7),
    *rows("parallel queues", instances.parallel_queues, {(3, 1e2): 2.202651, (3, 1e4): 2.885720, (3, 1e6): 2.988060}, 5e-7),
    *rows("parallel queues", instances.parallel_queues, {(5, 1e2): 2.900249, (5, 1e4): 4.633044, (5, 1e6): 4.960357}, 5e-7),
]  # fmt: skip

ATOMIC: list[Row] = [
    ("affine, 3 players", instances.affine_atomic_worst_case, 2.5, 1e-12),
    *rows("polynomial", instances.polynomial_worst_case, UNWEIGHTED, 1e-11),
    *rows("few players", instances.small_players_worst_case, {(1, 2): 2.0, (2, 2): 4.0, (2, 3): 9.0, (4, 2): 16.0}, 1e-11),
    *rows("few players", instances.small_players_worst_case, {(4, 3): 81.0, (4, 4): 256.0}, 1e-11),
    *rows("weighted chain", instances.weighted_worst_case, {(1, 10): 2.253423}, 5e-7),
    ("symmetric affine", instances.symmetric_affine, 1.6, 1e-12),
    *rows("singletons", instances.symmetric_singletons, {2: 4 / 3, 3: 1.285714286, 4: 4 / 3, 6: 4 / 3, 8: 4 / 3, 12: 4 / 3}, 1e-9),
    *rows("identical machines", instances.makespan_identical, {2: 4 / 3, 3: 1.5}, 1e-12),
    ("related machines", instances.makespan_related, (1 + math.sqrt(5)) / 2, 1e-12),
    *rows("price of stability", instances.price_of_stability, {(10, 27): 1.565059}, 5e-7),
]  # fmt: skip

SPLITTABLE: list[Row] = [
    *rows("splittable affine", instances.splittable_affine, {3: 1.107143, 5: 1.260870, 20: 1.439227}, 5e-7),
]


@pytest.mark.parametrize(("make", "wanted", "rtol"), [r[1:] for r in NONATOMIC], ids=[r[0] for r in NONATOMIC])
def test_wardrop(make: Callable[[], NetworkRouting], wanted: float, rtol: float) -> None:
    game = make()
    assert game.certified["poa"] == pytest.approx(wanted, rel=rtol)
    report = pg.price_of_anarchy(game, rtol=1e-13)
    assert report.worst.certificate.holds
    assert report.poa == pytest.approx(game.certified["poa"], rel=max(1e-9, 1e-2 * rtol))
    assert report.poa_low <= game.certified["poa"] <= report.poa_high
    assert report.worst.social_cost == pytest.approx(game.certified["equilibrium_cost"], rel=1e-6)
    assert game.source


@pytest.mark.parametrize(("make", "wanted", "rtol"), [r[1:] for r in ATOMIC], ids=[r[0] for r in ATOMIC])
def test_pure(make: Callable[[], pg.CongestionGame], wanted: float, rtol: float) -> None:
    game = make()
    assert game.certified["poa"] == pytest.approx(wanted, rel=rtol)
    report = pg.price_of_anarchy(game)
    assert report.exact
    assert report.worst.certificate.holds
    assert report.poa == pytest.approx(wanted, rel=rtol)
    if "pos" in game.certified:
        assert report.pos == pytest.approx(game.certified["pos"], rel=1e-9)


@pytest.mark.parametrize(("make", "wanted", "rtol"), [r[1:] for r in SPLITTABLE], ids=[r[0] for r in SPLITTABLE])
def test_splittable(make: Callable[[], Any], wanted: float, rtol: float) -> None:
    report = pg.price_of_anarchy(make())
    assert report.worst.certificate.holds
    assert report.poa == pytest.approx(wanted, rel=rtol)


@pytest.mark.parametrize("players", [4, 5])
@pytest.mark.parametrize("degree", [1, 2])
def test_more_players_than_needed_change_nothing(degree: int, players: int) -> None:
    game = instances.polynomial_worst_case(degree, players + degree - 1)
    assert pg.price_of_anarchy(game).poa == pytest.approx(UNWEIGHTED[degree], rel=1e-11)


@pytest.mark.parametrize(("players", "wanted"), [(100, 2.576348), (1000, 2.613805)])
def test_weighted_chains_tend_to_the_weighted_bound(players: int, wanted: float) -> None:
    game = instances.weighted_worst_case(1, players)
    assert game.certified["poa"] == pytest.approx(wanted, rel=5e-7)
    assert game.certified["poa"] < game.certified["poa_limit"] == pytest.approx(2.61803398875)


@pytest.mark.parametrize(
    ("machines", "mean"), [(2, 1.5), (3, 1.888889), (4, 2.125), (5, 2.2864), (8, 2.597233), (16, 3.078247)]
)
def test_mixed_makespan(machines: int, mean: float) -> None:
    game = instances.makespan_mixed(machines)
    assert game.certified["mixed_equilibrium_cost"] == pytest.approx(mean, rel=5e-5)
    if machines <= 4:
        even = np.full((machines, machines), 1.0 / machines)
        assert pg.certify_mixed(game, even).holds
        table = pg.NormalFormGame.of(game)
        assert table.expected_social_cost(even) == pytest.approx(game.certified["mixed_equilibrium_cost"], rel=1e-12)


@pytest.mark.parametrize(("degree", "rate"), [(1, 1.25), (2, 1.3849002), (5, 1.5823559), (100, 1.9454431)])
def test_augmented_optimum_costs_what_pigou_costs(degree: int, rate: float) -> None:
    """Correa, Schulz, Stier-Moses: C(f_r) ≤ C(f*_{(1+β) r}), with equality on Pigou's links."""
    game = instances.pigou(degree)
    assert pg.social_optimum(game.scaled(rate)).social_cost == pytest.approx(1.0, rel=5e-8 * degree)


def test_twice_the_capacity_beats_the_optimum() -> None:
    """Roughgarden and Tardos for M/M/1: selfish flow on 1/(2μ − x) costs no more than the optimum on 1/(μ − x)."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        rate = rng.uniform(0.5, 3.0, 4)
        demand = float(rng.uniform(0.05, 0.95) * rate.sum())
        selfish = pg.wardrop(NetworkRouting.parallel(MM1(2.0 * rate), demand))
        best = pg.social_optimum(NetworkRouting.parallel(MM1(rate), demand))
        assert selfish.social_cost <= best.social_cost * (1.0 + 1e-9)


@pytest.mark.parametrize(
    ("demand", "excess"),
    [(0.5, 0.0), (1.0, 0.102041), (3.0, 0.0), (10.0, 0.010735), (100.0, 0.007770), (1e3, 0.002721), (1e4, 0.000879)],
)
def test_slow_convergence_in_heavy_traffic(demand: float, excess: float) -> None:
    game = instances.slow_convergence(demand)
    report = pg.price_of_anarchy(game, rtol=1e-13)
    assert report.poa - 1.0 == pytest.approx(excess, abs=5e-7)
    assert report.poa == pytest.approx(game.certified["poa"], rel=1e-10)


@pytest.mark.parametrize(("degree", "links", "points"), [(1, 3, 257), (1, 2, 17), (1, 4, 17), (2, 3, 17), (2, 4, 17)])
def test_links_whose_anarchy_never_settles(degree: int, links: int, points: int) -> None:
    game = instances.unsettled_links(degree, links)
    exponents = np.linspace(0.0, 2.0 * np.pi, points)
    curve = pg.anarchy_curve(game, np.exp(exponents))
    low, high = game.certified["poa_low"], game.certified["poa_high"]
    assert low - 2e-10 <= curve.poa.min() < curve.poa.max() <= high + 2e-10
    if points == 257:  # those of the certified digits
        assert (curve.poa.min(), curve.poa.max()) == pytest.approx((low, high), abs=2e-10)
    # a period further the game is the same in other units
    again = pg.anarchy_curve(game, np.exp(exponents[:5] + 2.0 * np.pi))
    np.testing.assert_allclose(again.poa, curve.poa[:5], rtol=1e-9)


def test_cohen_kelly() -> None:
    for (arrivals, service), harm in {(1.0, 2.5): 1.125, (10.0, 20.9): 1.434211, (1000.0, 2000.9): 1.499251}.items():
        game = instances.cohen_kelly(arrivals, service)
        assert game.certified["harm"] == pytest.approx(harm, rel=5e-7)
        found = pg.wardrop(game)
        assert found.social_cost / game.total_demand == pytest.approx(3.0, rel=1e-8)
        assert pg.price_of_anarchy(game).poa == pytest.approx(game.certified["poa"], rel=1e-8)


@pytest.mark.parametrize(
    ("temperature", "ratio"),
    [(0.001, 1.326376), (0.01, 1.290048), (0.1, 1.151110), (0.5, 1.035245), (1.0, 1.013053), (10.0, 1.000198)],
)
def test_noise_helps_on_pigous_links(temperature: float, ratio: float) -> None:
    found = pg.stochastic_wardrop(instances.pigou(1), temperature)
    assert found.certificate.holds
    assert found.social_cost / 0.75 == pytest.approx(ratio, abs=6e-7)


@pytest.mark.parametrize(
    ("temperature", "ratio"), [(0.01, 1.290381), (0.1, 1.161402), (1.0, 1.054040), (10.0, 1.038692), (1e7, 28 / 27)]
)
def test_noise_helps_on_braess(temperature: float, ratio: float) -> None:
    assert pg.stochastic_wardrop(instances.braess(), temperature).social_cost / 1.5 == pytest.approx(ratio, abs=6e-7)


def test_best_replies_of_player_specific_costs_cycle() -> None:
    game = instances.best_reply_cycle()
    assert {tuple(p) for p in pg.equilibria(game).profiles.tolist()} == {(1, 2, 0), (2, 0, 1)}
    cycle = pg.improvement_cycle(game)
    assert cycle is not None
    visited = [(2, 0, 0), (2, 2, 0), (2, 2, 1), (1, 2, 1), (1, 0, 1), (1, 0, 0)]
    for here, there in zip(visited, visited[1:] + visited[:1], strict=True):
        mover = next(i for i in range(3) if here[i] != there[i])
        costs = game.action_costs(here)[mover]
        assert costs[there[mover]] == costs.min() < costs[here[mover]]


def test_two_goods_of_a_shared_constraint() -> None:
    """Rosen's example: min (x−1)², min (y−½)² subject to x + y ≤ 1 has the variational equilibrium (¾, ¼)."""

    class Shared:
        def pseudogradient(self, x: Any) -> Any:
            return 2.0 * (np.asarray(x) - [1.0, 0.5])

        def projection(self, x: Any) -> Any:
            x = np.asarray(x, dtype=float)
            return x - max(0.0, (x.sum() - 1.0) / 2.0)

        def social_cost(self, x: Any) -> float:
            return float(((np.asarray(x) - [1.0, 0.5]) ** 2).sum())

        def start(self) -> Any:
            return np.zeros(2)

    found = pg.variational_equilibrium(Shared())
    assert found.certificate.holds
    np.testing.assert_allclose(found.x, [0.75, 0.25], atol=1e-8)


def test_dominant_resource_fairness_of_two_users() -> None:
    """Ghodsi et al.: 9 CPUs and 18 GB, tasks (1, 4) and (3, 1): 3 and 2 tasks, dominant shares 2/3 each, by max-min programmes."""
    capacity, tasks = np.array([9.0, 18.0]), np.array([[1.0, 4.0], [3.0, 1.0]])
    dominant = (tasks / capacity).max(axis=1)
    # max t with dominant_i x_i ≥ t: both shares end at t, as each resource is demanded by both users
    solved = linprog(
        [0.0, 0.0, -1.0],
        A_ub=np.block([[tasks.T, np.zeros((2, 1))], [-np.diag(dominant), np.ones((2, 1))]]),
        b_ub=[*capacity, 0.0, 0.0],
        method="highs",
    )
    np.testing.assert_allclose(solved.x, [3.0, 2.0, 2.0 / 3.0], rtol=1e-9)


def test_player_specific_singletons_always_have_a_pure_equilibrium() -> None:
    """Milchtaich 1996, on 400 random games of up to four players and three resources, by every profile."""
    rng = np.random.default_rng(0)
    for _ in range(400):
        players, resources = rng.integers(2, 5), rng.integers(2, 4)
        loads = np.arange(1.0, players + 1)
        costs = [Tabulated(loads, np.sort(rng.integers(1, 20, (resources, players)), axis=1)) for _ in range(players)]
        game = pg.CongestionGame(costs, [[[r] for r in range(resources)]] * players)
        assert len(pg.equilibria(game)) > 0
