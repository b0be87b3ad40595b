"""Known numbers of selfish caching as data: instances solved by the general solvers, long lines and grids by programmes of their own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

import poagame as pg
from poagame.bounds import caching as bounds
from poagame.errors import InvalidInput, NoEquilibrium, TooLarge
from poagame.games import instances
from poagame.games.caching import CachingGame
from poagame.games.normal_form import NormalFormGame
from poagame.outcome import Outcome
from tests.caching_oracle import line_optimum, line_optimum_fast, ring_optimum

Row = tuple[str, Callable[[], CachingGame], float, float]

ROWS: list[Row] = [
    *((f"half the nodes {n}", lambda n=n: instances.caching_uniform_worst(n), n / 2, 1e-12) for n in (2, 4, 8, 12)),
    *(
        (f"all the nodes {n}", lambda n=n: instances.caching_uniform_worst(n, 1e-6), poa, 2e-7)
        for n, poa in {4: 3.999996, 8: 7.999992, 12: 11.999988}.items()
    ),
    *((f"complete {n}", lambda n=n: instances.caching_complete(n), 1.0, 1e-12) for n in (2, 5, 12)),
    *(
        (f"star {n}", lambda n=n: instances.caching_star(n), poa, 5e-7)
        for n, poa in {4: 1.4, 8: 1.666667, 12: 1.769231}.items()
    ),
    *(
        (f"two clusters {n}, {alpha}", lambda n=n, alpha=alpha: instances.caching_two_clusters(n, alpha), poa, 1e-12)
        for n, alpha, poa in [
            (2, 9.0, 1.0),
            (3, 10.0, 28 / 19),
            (4, 2.0, 1.0),
            (4, 10.0, 1.4),
            (8, 10.0, 2.3),
            (12, 100.0, 3.47),
        ]
    ),
    *((f"line {n}", lambda n=n: instances.caching_line(n), poa, 5e-7) for n, poa in {4: 9 / 7, 12: 1.925}.items()),
    ("line 16", lambda: instances.caching_line(16), 2.177419, 5e-7),
    ("ring 12", lambda: instances.caching_ring(12), 1.4, 1e-12),
    ("grid 3x3", lambda: instances.caching_grid(3), 1.375, 1e-12),
    ("grid 3x4", lambda: instances.caching_grid(3, 4), 1.458333, 5e-7),
    ("directed 6", lambda: instances.caching_directed_worst(6), 6.0, 1e-12),
    ("unequal demands", lambda: instances.caching_complete(2, demand=[1.0, 0.125]), 2 / 1.125, 1e-12),
    ("some cache by themselves", lambda: instances.caching_complete(3, demand=[3.0, 0.125, 2.0]), 1.0, 1e-12),
    ("one asks for nothing", lambda: instances.caching_complete(3, demand=[1.0, 0.0, 0.5]), 2.0 / 1.5, 1e-12),
]


@pytest.mark.parametrize(("make", "wanted", "rtol"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS])
def test_solvers_reproduce_the_digits(make: Callable[[], CachingGame], wanted: float, rtol: float) -> None:
    game = make()
    answers = game.certified
    assert game.source
    assert answers["poa"] == pytest.approx(wanted, rel=rtol)
    report = pg.price_of_anarchy(game)
    assert report.exact
    assert report.worst.certificate.holds
    assert report.poa == pytest.approx(answers["poa"], rel=1e-12)
    assert report.worst.social_cost == pytest.approx(answers["equilibrium_cost"], rel=1e-12)
    assert pg.social_optimum(game).social_cost == pytest.approx(answers["optimum_cost"], rel=1e-12)
    if "pos" in answers:
        assert report.pos == pytest.approx(answers["pos"], rel=1e-12)


@pytest.mark.parametrize(("nodes", "alpha"), [(4, 5.0), (6, 20.0), (8, 50.0), (10, 1000.0)])
def test_two_clusters_have_no_good_equilibrium(nodes: int, alpha: float) -> None:
    game = instances.caching_two_clusters(nodes, alpha)
    assert set(pg.equilibria(game).profiles.sum(axis=1)) == {1}
    report = pg.price_of_anarchy(game)
    formula = (alpha + (alpha - 1) * nodes / 2) / (2 * alpha)
    assert report.poa == report.pos == pytest.approx(formula, rel=1e-12)
    assert game.certified["pos_limit"] == nodes / 4 + 1 / 2 > report.pos


LINES = {16: 2.177419, 64: 4.092520, 256: 8.046722, 1024: 16.023418}


@pytest.mark.parametrize(("nodes", "wanted"), LINES.items())
def test_long_lines_against_a_programme_of_their_own(nodes: int, wanted: float) -> None:
    value = bounds.caching_line(nodes).value
    selfish = nodes - 1 + nodes * (nodes - 1) / 2
    assert value == pytest.approx(selfish / line_optimum_fast(nodes, nodes - 1), rel=1e-12)
    assert value == pytest.approx(wanted, rel=5e-7)
    assert value == pytest.approx(math.sqrt(nodes) / 2, rel=0.1)
    game = instances.caching_line(nodes)
    end = np.eye(1, nodes, dtype=int)[0]
    assert float(game.social_cost(end)) == selfish
    assert pg.certificates.certify_nash(game, end).holds


@pytest.mark.parametrize("nodes", [3, 4, 7, 12, 25, 40])
def test_cells_give_the_optimum_of_lines_and_rings(nodes: int) -> None:
    line, ring = instances.caching_line(nodes), instances.caching_ring(nodes)
    assert line.certified["optimum_cost"] == line_optimum(nodes, nodes - 1) == line_optimum_fast(nodes, nodes - 1)
    assert ring.certified["optimum_cost"] == ring_optimum(nodes, nodes // 2)


@pytest.mark.parametrize("side", [5, 8])
def test_a_lattice_of_blocks_costs_what_is_said(side: int) -> None:
    game = instances.caching_grid(side)
    corner = np.eye(1, side * side, dtype=int)[0]
    assert pg.certificates.certify_nash(game, corner).holds
    least = np.inf
    for p, q in itertools.product(range(1, side + 1), repeat=2):
        rows, columns = (
            np.array([part[len(part) // 2] for part in np.array_split(np.arange(side), k)]) for k in (p, q)
        )
        held = np.zeros((side, side), dtype=int)
        held[np.ix_(rows, columns)] = 1
        least = min(least, float(game.social_cost(held.reshape(-1))))
    assert game.certified["optimum_high"] == least
    assert game.certified["poa_low"] == float(game.social_cost(corner)) / least


def test_corner_over_lattice_grows_as_the_cube_root_of_the_nodes() -> None:
    ratio = {side: bounds.caching_grid(side).value for side in (16, 64, 256, 1024)}
    assert ratio[256] / 65536 ** (1 / 3) == pytest.approx(0.667, abs=5e-4)
    assert ratio[1024] / 1024 ** (2 / 3) == pytest.approx(0.667, abs=2e-3)
    against_two_thirds = [value / side ** (4 / 3) for side, value in ratio.items()]
    assert against_two_thirds == sorted(against_two_thirds, reverse=True)
    assert against_two_thirds[-1] < 0.01


# two items, unit caches: node i pays, for each item, what its requests travel to the nearest holder on their way


def paradox(cache_at_0: bool) -> NormalFormGame:
    """Requests go 2 -> 1 -> 0 -> server over hops of 13, 9 and 4; each cache holds one of two items."""
    hop, rate = (4, 9, 13), ((2, 5), (4, 5), (7, 4))

    def cost(i: int, held: tuple[int | None, ...]) -> float:
        total = 0.0
        for item in (0, 1):
            at, travelled = i, 0
            while at >= 0 and held[at] != item:
                travelled += hop[at]
                at -= 1
            total += rate[i][item] * travelled
        return total

    players = (0, 1, 2) if cache_at_0 else (1, 2)
    costs = np.empty((len(players),) + (2,) * len(players))
    social = np.empty((2,) * len(players))
    for s in itertools.product((0, 1), repeat=len(players)):
        held = s if cache_at_0 else (None, *s)
        costs[(slice(None), *s)] = [cost(i, held) for i in players]
        social[s] = sum(cost(i, held) for i in range(3))
    return NormalFormGame(costs, social)


def test_a_further_cache_makes_all_worse() -> None:
    without, with_it = (pg.price_of_anarchy(paradox(cache)) for cache in (False, True))
    assert len(pg.equilibria(paradox(False))) == len(pg.equilibria(paradox(True))) == 1
    assert (without.worst.social_cost, without.optimum.social_cost, without.poa) == (132.0, 132.0, 1.0)
    assert (with_it.worst.social_cost, with_it.optimum.social_cost) == (141.0, 108.0)
    assert np.asarray(with_it.worst.profile).tolist() == [1, 0, 0]
    # strictly: every other action costs its node more
    costs = paradox(True).action_costs(with_it.worst.profile)
    assert (np.ptp(costs, axis=1) > 0).all()
    no_cache = sum(sum(rate) * way for rate, way in zip(((2, 5), (4, 5), (7, 4)), (4, 13, 26), strict=True))
    assert no_cache == 431
    assert (no_cache - 108) / (no_cache - 141) == pytest.approx(1.113793, rel=5e-7)


def test_a_ring_of_unit_caches_without_a_pure_equilibrium() -> None:
    hop, out, rate = (8, 4, 3), (45, 45, 39), ((6, 7), (6, 9), (4, 4))
    costs = np.empty((3, 2, 2, 2))
    for held in itertools.product((0, 1), repeat=3):
        for i in range(3):
            way = [i, (i + 1) % 3, (i + 2) % 3]
            reach = [0, hop[i], hop[i] + hop[way[1]], hop[i] + hop[way[1]] + out[way[2]]]
            nearest = [next((reach[k] for k, at in enumerate(way) if held[at] == item), reach[3]) for item in (0, 1)]
            costs[(i, *held)] = sum(r * d for r, d in zip(rate[i], nearest, strict=True))
    game = NormalFormGame(costs)
    assert pg.equilibria(game).outcome is Outcome.NO_EQUILIBRIUM
    with pytest.raises(NoEquilibrium):
        pg.price_of_anarchy(game)
    assert len(pg.improvement_cycle(game) or ()) > 0


def test_bad_sizes_of_instances() -> None:
    for make in (
        instances.caching_uniform_worst,
        instances.caching_directed_worst,
        instances.caching_two_clusters,
        instances.caching_complete,
        instances.caching_star,
        instances.caching_line,
        instances.caching_ring,
        instances.caching_grid,
    ):
        for bad in (1, 2.5, math.nan, "4", True):
            with pytest.raises(InvalidInput, match=r"must be (a whole number|at least)"):
                make(bad)
        with pytest.raises(TooLarge, match="the limit is 4,096"):
            make(5000 if make is not instances.caching_grid else 70)
    with pytest.raises(InvalidInput, match="placement_cost must be above 1"):
        instances.caching_two_clusters(4, 1.0)
    with pytest.raises(InvalidInput, match="weight must be positive"):
        instances.caching_uniform_worst(4, 0.0)
    with pytest.raises(InvalidInput, match="distance must be positive"):
        instances.caching_complete(4, distance=0.0)
    with pytest.raises(InvalidInput, match="demand is 0 everywhere"):
        instances.caching_complete(4, demand=0.0)
