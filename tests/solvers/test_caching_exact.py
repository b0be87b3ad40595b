"""Bitmasks and integer programmes of caching games against the definition, term by term, and against each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import OptimizeResult

import poagame as pg
from poagame.certificates import certify_nash
from poagame.errors import InvalidInput, NoEquilibrium, TooLarge
from poagame.games import instances
from poagame.games.caching import CachingGame
from poagame.games.tiers import Tiers
from poagame.games.topologies.nested import two_level
from poagame.outcome import Outcome
from poagame.solvers.caching import extremes, programme
from poagame.solvers.caching.bitmask import equilibrium_census
from poagame.solvers.caching.equilibria import equilibria
from poagame.solvers.caching.extremes import caching_extremes
from poagame.solvers.caching.optimum import placement_optimum
from poagame.solvers.caching.programme import extreme_placement, optimal_placement
from poagame.solvers.enumeration import census

Profile = tuple[int, ...]


class Definition:
    """One object, one term of the cost at a time."""

    def __init__(self, game: CachingGame) -> None:
        self.n, self.tiers = len(game.distance), len(game.tiers.price)
        self.distance, self.placement = game.distance.tolist(), game.placement_cost.tolist()
        self.demand, self.miss, self.subsidy = game.demand.tolist(), game.miss_cost.tolist(), game.subsidy.tolist()
        self.price, self.access = game.tiers.price.tolist(), game.tiers.access.tolist()
        free = [-1] * self.n if game.fixed is None else game.fixed.tolist()
        room = [[1] * self.tiers] * self.n if game.capacity is None else game.capacity.tolist()
        every = [[0] + [t for t in range(1, self.tiers + 1) if room[i][t - 1] > 0] for i in range(self.n)]
        self.choices = [every[i] if free[i] < 0 else [free[i]] for i in range(self.n)]

    def reads(self, s: Profile, i: int) -> float:
        if self.demand[i] == 0:
            return 0.0
        copies = [self.distance[i][j] + self.access[s[j] - 1] for j in range(self.n) if s[j]]
        return self.demand[i] * min([self.miss[i], *copies])

    def pays(self, s: Profile, i: int) -> float:
        held = (self.placement[i] - self.subsidy[i]) * self.price[s[i] - 1] if s[i] else 0.0
        return held + self.reads(s, i)

    def social(self, s: Profile) -> float:
        return sum(
            self.reads(s, i) + (self.placement[i] * self.price[s[i] - 1] if s[i] else 0.0) for i in range(self.n)
        )

    def content(self, s: Profile, i: int) -> bool:
        best = min(self.pays((*s[:i], a, *s[i + 1 :]), i) for a in self.choices[i])
        return math.isfinite(best) and self.pays(s, i) <= best + 1e-10 * max(1.0, abs(best))

    def answers(self) -> tuple[dict[Profile, float], float]:
        """Equilibria with their social costs, and the cost of the optimum."""
        profiles = list(itertools.product(*self.choices))
        stable = [s for s in profiles if all(self.content(s, i) for i in range(self.n))]
        return {s: self.social(s) for s in stable}, min(map(self.social, profiles))


def random_game(rng: np.random.Generator, most: int = 5) -> CachingGame:
    """Small and full of ties; every second one asymmetric, some with places out of reach, tiers, misses, subsidies, fixed choices."""
    while True:
        n = int(rng.integers(1, most + 1))
        tiers = int(rng.integers(1, 3)) if n < most else 1
        whole = rng.random() < 0.6
        distance = rng.integers(0, 7, (n, n)).astype(float) if whole else 6 * rng.random((n, n))
        distance = np.minimum(distance, distance.T) if rng.random() < 0.5 else distance
        distance[rng.random((n, n)) < rng.choice([0.0, 0.3])] = np.inf
        np.fill_diagonal(distance, 0.0)
        cost = rng.integers(0, 9, n).astype(float) if whole else 6 * rng.random(n)
        demand = rng.choice([rng.integers(0, 4, n).astype(float), np.ones(n), rng.random(n)])
        kinds = Tiers(
            [f"{t}" for t in range(tiers)], rng.integers(0, 4, tiers) / 2, rng.integers(0, 4, tiers).astype(float)
        )
        miss = np.where(rng.random(n) < rng.choice([0.0, 0.5, 1.0]), np.inf, rng.integers(0, 12, n))
        subsidy = cost * rng.integers(-1, 3, n) / 2 if rng.random() < 0.3 else 0.0
        fixed = np.where(rng.random(n) < 0.5, -1, rng.integers(0, tiers + 1, n)) if rng.random() < 0.3 else None
        room = rng.integers(0, 2, (n, tiers)) if rng.random() < 0.2 else None
        try:
            return CachingGame(distance, cost, demand, kinds, room, miss_cost=miss, subsidy=subsidy, fixed=fixed)
        except InvalidInput:  # nobody asks, or somebody is lost whatever happens
            continue


def near(value: float, wanted: float) -> bool:
    return value == wanted or abs(value - wanted) <= 1e-9 * max(1.0, abs(wanted))


@pytest.mark.parametrize("seed", range(8))
def test_bitmasks_and_programmes_agree_with_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    without = 0
    for _ in range(40):
        game = random_game(rng)
        stable, optimum = Definition(game).answers()
        listed = equilibria(game)
        assert {tuple(s) for s in listed.profiles.tolist()} == set(stable), game
        assert len(listed) == len(stable)
        assert list(listed.social_costs) == sorted(listed.social_costs, reverse=True)
        counted = equilibrium_census(game)
        assert counted.number == len(stable)
        high, low = extreme_placement(game, worst=True), extreme_placement(game, worst=False)
        if stable:
            worst, best = max(stable.values()), min(stable.values())
            assert near(counted.worst_cost, worst)
            assert near(counted.best_cost, best)
            assert high.profile is not None
            assert low.profile is not None
            assert near(stable[tuple(high.profile.tolist())], worst), game
            assert near(stable[tuple(low.profile.tolist())], best), game
            assert high.bound >= worst
            assert low.bound <= best
            assert high.bound <= worst + 3 * high.slack
            assert low.bound >= best - 3 * low.slack
            assert all(certify_nash(game, p).holds for p in (high.profile, low.profile, counted.worst, counted.best))
        else:
            without += 1
            assert high.impossible
            assert low.impossible
        cheapest = optimal_placement(game)
        if math.isinf(optimum):
            assert cheapest.impossible
            with pytest.raises(InvalidInput, match="a node without a copy"):
                placement_optimum(game)
            continue
        assert cheapest.profile is not None
        assert near(Definition(game).social(tuple(cheapest.profile.tolist())), optimum), game
        assert cheapest.bound <= optimum <= cheapest.bound + 3 * cheapest.slack
        assert near(placement_optimum(game).social_cost, optimum)
    assert without < 10


def test_larger_games_by_programmes_and_by_all_equilibria() -> None:
    rng = np.random.default_rng(0)
    for n in (12, 16, 20, 24):
        at = rng.random((n, 2))
        apart = np.sqrt(((at[:, None] - at) ** 2).sum(-1))
        for distance, cost, demand in (
            (apart, 0.4, 1.0),
            (np.round(5 * apart), 2.0, 1.0),
            (apart, rng.random(n), rng.random(n)),
            (np.round(5 * rng.random((n, n))) * (1 - np.eye(n)), 2.0, rng.integers(0, 3, n)),
        ):
            game = CachingGame(distance, cost, demand)
            counted = equilibrium_census(game)
            high, low = extreme_placement(game, True), extreme_placement(game, False)
            if counted.number == 0:
                assert high.impossible
                assert low.impossible
                continue
            assert float(game.social_cost(high.profile)) == pytest.approx(counted.worst_cost, rel=1e-12)
            assert float(game.social_cost(low.profile)) == pytest.approx(counted.best_cost, rel=1e-12)


def cycle(nodes: int) -> CachingGame:
    """Each wants a copy exactly where the next node has none."""
    ahead = (np.arange(nodes) - np.arange(nodes)[:, None]) % nodes
    return CachingGame(np.where(ahead == 1, 1.0, 3.0 * ahead), placement_cost=2.0)


@pytest.mark.parametrize("nodes", [3, 5, 21])
def test_odd_cycles_have_no_equilibrium(nodes: int) -> None:
    game = cycle(nodes)
    assert equilibrium_census(game).number == 0
    assert equilibria(game).outcome is Outcome.NO_EQUILIBRIUM
    assert extreme_placement(game, True).impossible
    assert extreme_placement(game, False).impossible
    with pytest.raises(NoEquilibrium, match="no pure equilibrium"):
        pg.price_of_anarchy(game)


def test_cycles_beyond_bitmasks() -> None:
    with pytest.raises(TooLarge, match="price_of_anarchy"):
        equilibrium_census(cycle(65))
    with pytest.raises(NoEquilibrium, match="integer programme"):
        pg.price_of_anarchy(cycle(65))
    even = pg.price_of_anarchy(cycle(66))
    assert even.exact
    assert even.worst.social_cost == even.best.social_cost == 33 * 2.0 + 33 * 1.0


LARGE: list[tuple[str, Callable[[], CachingGame]]] = [
    ("half the nodes 40", lambda: instances.caching_uniform_worst(40)),
    ("all the nodes 40", lambda: instances.caching_uniform_worst(40, 1e-6)),
    ("two clusters 40", lambda: instances.caching_two_clusters(40, 10.0)),
    ("star 40", lambda: instances.caching_star(40)),
    ("star 80", lambda: instances.caching_star(80)),
    ("line 32", lambda: instances.caching_line(32)),
    ("line 70", lambda: instances.caching_line(70)),
    ("ring 30", lambda: instances.caching_ring(30)),
    ("grid 6", lambda: instances.caching_grid(6)),
    ("complete 70", lambda: instances.caching_complete(70, demand=np.linspace(0.1, 0.9, 70))),
    ("directed 70", lambda: instances.caching_directed_worst(70)),
]


@pytest.mark.parametrize("make", [row[1] for row in LARGE], ids=[row[0] for row in LARGE])
def test_certified_answers_beyond_enumeration(make: Callable[[], CachingGame]) -> None:
    game = make()
    report = pg.price_of_anarchy(game)
    assert report.exact
    assert report.worst.certificate.holds
    assert report.best.certificate.holds
    if "poa" in game.certified:
        assert report.poa == pytest.approx(game.certified["poa"], rel=1e-9)
        assert report.optimum.social_cost == pytest.approx(game.certified["optimum_cost"], rel=1e-9)
    else:  # a grid too large to know: compared with a lattice
        assert report.poa >= game.certified["poa_low"] * (1 - 1e-12)
        assert report.optimum.social_cost <= game.certified["optimum_high"]
    if "pos" in game.certified:
        assert report.pos == pytest.approx(game.certified["pos"], rel=1e-9)


@pytest.mark.parametrize("cost", [0.5, 3.0, 10.0, 30.0])
def test_two_level_clusters_by_hand(cost: float) -> None:
    """8 × 8 equal nodes, 1 apart inside a clique and 10 outside: a place each, one a clique, or one for all."""
    report = pg.price_of_anarchy(CachingGame(two_level(8, 8, 1.0, 10.0).distance, cost))
    assert report.exact
    cliques = {k: k * (cost + 7.0) + (8 - k) * 80.0 for k in range(1, 9)}
    worst, best = {0.5: (32.0, 32.0), 3.0: (cliques[8],) * 2, 10.0: (cliques[1], cliques[8]), 30.0: (cliques[1],) * 2}[
        cost
    ]
    assert (report.worst.social_cost, report.best.social_cost) == (worst, best)
    assert report.optimum.social_cost == min(64 * cost, *cliques.values())


@pytest.mark.parametrize("seed", [0, 1])
def test_two_level_clusters_of_unequal_demands(seed: int) -> None:
    """Cliques small enough to enumerate, against programmes; then 8 × 8, exactly."""
    rng = np.random.default_rng(seed)
    for cost in (1.0, 3.0, 10.0):
        small = CachingGame(two_level(3, 4, 1.0, 10.0).distance, cost, rng.random(12))
        counted, high = equilibrium_census(small), extreme_placement(small, worst=True)
        assert float(small.social_cost(high.profile)) == pytest.approx(counted.worst_cost, rel=1e-12)
        for cliques in (8, 64):
            large = CachingGame(two_level(cliques, 8, 1.0, 10.0).distance, cost, rng.random(8 * cliques))
            assert pg.price_of_anarchy(large).exact


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_no_unit_is_preferred(unit: float) -> None:
    rng = np.random.default_rng(3)
    for n in (6, 24):
        distance, cost, demand = rng.random((n, n)) * (1 - np.eye(n)), rng.random(n), rng.random(n)
        miss = 3.0 * rng.random(n)
        plain = CachingGame(distance, cost, demand, miss_cost=miss)
        scaled = CachingGame(distance * unit, cost * unit, demand, miss_cost=miss * unit)
        assert equilibria(plain).profiles.tolist() == equilibria(scaled).profiles.tolist()
        for worst in (True, False):
            one, other = extreme_placement(plain, worst), extreme_placement(scaled, worst)
            assert (one.profile is None) == (other.profile is None)
            if one.profile is not None:
                assert other.bound == pytest.approx(one.bound * unit, rel=1e-5)
                assert one.profile.tolist() == np.asarray(other.profile).tolist()
        assert placement_optimum(scaled).social_cost == pytest.approx(
            placement_optimum(plain).social_cost * unit, rel=1e-12
        )


def stopped(*args: Any, **asked: Any) -> Any:
    """HiGHS out of time before it finds a placement; relaxations end."""
    if asked.get("integrality") is not None:
        return OptimizeResult(x=None, status=1, mip_dual_bound=None)
    return SOLVE(*args, **asked)


SOLVE = programme.milp


def test_when_time_ends_bounds_hold_and_are_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    at = np.random.default_rng(5).random((40, 2))
    game = CachingGame(np.sqrt(((at[:, None] - at) ** 2).sum(-1)), 0.5)
    known = equilibrium_census(game)
    monkeypatch.setattr(programme, "milp", stopped)
    monkeypatch.setattr(extremes, "MAX_WORDS", 10)
    found = caching_extremes(game)
    assert not found.covered
    assert known.best_cost <= found.best_cost <= found.worst_cost <= known.worst_cost
    assert found.best_bound <= known.best_cost
    assert known.worst_cost <= found.worst_bound < np.inf
    report = pg.price_of_anarchy(game)
    optimum = report.optimum.social_cost
    assert not report.exact
    assert report.poa_low <= known.worst_cost / optimum <= report.poa_high * (1 + 1e-12)
    assert report.pos_low * (1 - 1e-12) <= known.best_cost / optimum <= report.pos_high


def test_a_short_time_limit_says_nothing_false() -> None:
    game = instances.caching_ring(40)
    truth = caching_extremes(game)
    for limit in (0.0, 0.02, 0.2):
        high, low = extreme_placement(game, True, limit), extreme_placement(game, False, limit)
        assert high.bound >= truth.worst_cost
        assert low.bound <= truth.best_cost


def test_games_too_large_for_programmes_are_labelled() -> None:
    at = np.random.default_rng(1).random((350, 2))
    game = CachingGame(np.sqrt(((at[:, None] - at) ** 2).sum(-1)), 1.0)
    with pytest.raises(TooLarge, match="limit"):
        extreme_placement(game, True)
    found = caching_extremes(game, time_limit=0.2)
    assert not found.covered
    assert (found.worst_bound, found.best_bound) == (np.inf, -np.inf)
    assert certify_nash(game, found.worst).holds


@pytest.mark.parametrize("seed", range(4))
def test_objects_without_limits_are_games_of_their_own(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, objects = 3, 2
    distance = rng.integers(0, 6, (n, n)) * (1.0 - np.eye(n))
    game = CachingGame(distance, rng.integers(0, 6, n), rng.integers(0, 3, (n, objects)) + [0, 1], miss_cost=4.0)
    numbered = game.numbered()
    each = census(numbered)
    if each.worst is None:
        assert len(equilibria(game)) == 0
        return
    found = caching_extremes(game)
    assert found.covered
    assert (found.worst_cost, found.best_cost) == pytest.approx((each.worst_cost, each.best_cost), rel=1e-12)
    assert placement_optimum(game).social_cost == pytest.approx(each.optimum_cost, rel=1e-12)
    assert pg.price_of_anarchy(game).exact
    listed = equilibria(game)
    assert len(listed) == each.num_equilibria
    assert listed.profiles.shape == (len(listed), n, objects)
    assert {s.tobytes() for s in listed.profiles} == {
        numbered.placement(s).tobytes() for s in pg.equilibria(numbered).profiles
    }


def test_equal_objects_are_solved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    demand = np.tile(rng.random((6, 2)), 50)
    game = CachingGame(rng.random((6, 6)) * (1 - np.eye(6)), 0.4, demand)
    solved: list[CachingGame] = []
    every = extremes.equilibrium_census
    monkeypatch.setattr(extremes, "equilibrium_census", lambda one, most: (solved.append(one), every(one, most))[1])
    found = caching_extremes(game)
    assert len(solved) == 2
    alone = [equilibrium_census(game.one_object(k)) for k in (0, 1)]
    assert found.worst_cost == pytest.approx(50 * sum(a.worst_cost for a in alone), rel=1e-12)
    with pytest.raises(TooLarge, match="price_of_anarchy"):
        equilibria(CachingGame(1 - np.eye(3), 1.0, np.ones((3, 20))))


def test_limited_places_go_by_numbered_stores() -> None:
    demand = [[3.0, 2.0, 1.0], [2.0, 3.0, 2.0], [1.0, 2.0, 3.0]]
    game = CachingGame(2.0 - 2.0 * np.eye(3), 0.5, demand, capacity=1, miss_cost=5.0)
    each = census(game.numbered())
    found = caching_extremes(game)
    assert (found.worst_cost, found.best_cost) == (each.worst_cost, each.best_cost)
    assert placement_optimum(game).social_cost == each.optimum_cost
    listed = equilibria(game)
    assert len(listed) == each.num_equilibria
    assert all(certify_nash(game, s).holds for s in listed.profiles)


def test_stuck_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Node 1 may hold nothing and is served by node 0 alone, which asks for nothing and has no reason to hold.

    That node 0 holds nothing, and node 1 is stuck whatever it does, is no equilibrium: it costs infinity.
    """
    game = CachingGame([[0.0, 1.0], [1.0, 0.0]], 0.0, [0.0, 1.0], fixed=[-1, 0])
    assert not pg.certify_nash(game, [0, 0]).holds
    dear = CachingGame([[0.0, 1.0], [1.0, 0.0]], 1.0, [0.0, 1.0], fixed=[-1, 0])
    assert extreme_placement(dear, False).impossible
    assert placement_optimum(dear).social_cost == 2.0
    for words in (0, 1 << 17):  # by programmes, by bitmasks
        monkeypatch.setattr(extremes, "MAX_WORDS", words)
        with pytest.raises(NoEquilibrium):
            pg.price_of_anarchy(dear)
        ends = caching_extremes(game)
        assert (ends.worst_cost, ends.best_cost, ends.covered) == (1.0, 1.0, True)
        assert pg.price_of_anarchy(game).poa == 1.0


def plane(nodes: int, seed: int, dear: float) -> CachingGame:
    """Nodes in the plane, and apart from them two at distance 0 of each other, one of which pays much for a place."""
    rng = np.random.default_rng(seed)
    at = rng.random((nodes, 2)) * 10
    distance = np.full((nodes + 2, nodes + 2), np.inf)
    distance[:nodes, :nodes] = np.sqrt(((at[:, None] - at) ** 2).sum(-1)).round(2)
    distance[nodes, nodes + 1] = distance[nodes + 1, nodes] = 0.0
    np.fill_diagonal(distance, 0.0)
    alpha, demand = rng.random(nodes).round(2) * 2 + 0.5, rng.random(nodes).round(2) * 2
    return CachingGame(distance, np.r_[alpha, 1.0, dear], np.r_[demand, 1.0, 1.0])


@pytest.mark.parametrize("dear", [1e5, 1e6, 1e7, 1e9])
def test_a_dear_place_that_nobody_needs_changes_no_optimum(dear: float) -> None:
    usual, odd = (placement_optimum(plane(75, 0, cost)) for cost in (1.0, dear))
    assert usual.outcome is odd.outcome is Outcome.OPTIMAL
    assert odd.social_cost == pytest.approx(usual.social_cost, rel=1e-9)
    assert odd.lower_bound <= usual.social_cost * (1 + 1e-9)


@pytest.mark.parametrize("dear", [1e6, 1e8])
def test_a_dear_place_that_may_be_the_only_one_is_exact_or_labelled(dear: float) -> None:
    ring = np.minimum(
        np.abs(np.subtract.outer(np.arange(80), np.arange(80))),
        80 - np.abs(np.subtract.outer(np.arange(80), np.arange(80))),
    )
    distance = np.full((82, 82), np.inf)
    distance[:80, :80] = ring
    distance[80, 81] = distance[81, 80] = 0.0
    np.fill_diagonal(distance, 0.0)
    rng = np.random.default_rng(0)
    alpha, demand = 2.0 + 3.0 * rng.random(80), 0.5 + rng.random(80)
    plain = pg.price_of_anarchy(CachingGame(ring, alpha, demand))
    both = caching_extremes(CachingGame(distance, np.r_[alpha, 1.0, dear], np.r_[demand, 1.0, 1.0]))
    assert plain.exact
    best, worst = plain.best.social_cost + 1.0, plain.worst.social_cost + dear
    assert both.best_bound <= best * (1 + 1e-5)
    assert both.worst_bound >= worst * (1 - 1e-5)
    assert both.best_cost == pytest.approx(best, rel=1e-5) or not both.covered
    assert both.worst_cost == pytest.approx(worst, rel=1e-5) or not both.covered


def test_enumeration_says_where_it_ends() -> None:
    with pytest.raises(TooLarge, match=r"price_of_anarchy\(game\)"):
        equilibria(CachingGame(1.0 - np.eye(64), 1.0))
    with pytest.raises(TooLarge, match=r"price_of_anarchy\(game\)"):
        equilibria(CachingGame(1.0 - np.eye(20), 1.0))
    assert equilibrium_census(CachingGame(1.0 - np.eye(20), 1.0)).number == 2**20 - 1
