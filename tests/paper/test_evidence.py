"""The evidence behind verdicts, recomputed by hand or by independent code."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.stats import linregress

import poagame as pg
from poagame import paper
from poagame.paper.checks import caching, caching_clusters, estimator

CLAIMS = {claim.id: claim for claim in paper.claims()}


def test_the_counterexample_to_proposition_3_has_a_potential_by_definition() -> None:
    """All of its profiles and moves against the formula, written out anew."""
    game = CLAIMS["potential-static"].check().counterexample
    assert isinstance(game, pg.RoutingGame)
    omega, overlap = float(game.overlap_weight), np.asarray(game.overlap)
    assert np.ptp(overlap, axis=0).max() > 0  # costs depend on who pays
    assert omega > 0

    def phi(profile: tuple[int, ...]) -> float:
        total = -omega * sum(overlap[i, j] for i, j in enumerate(profile))
        for j in range(game.num_actions):
            total += sum(float(game.latency(np.full(game.num_actions, k))[j]) for k in range(1, profile.count(j) + 1))
        return total

    for profile in itertools.product(range(game.num_actions), repeat=game.num_players):
        costs = game.action_costs(profile)
        for i, j in itertools.product(range(game.num_players), range(game.num_actions)):
            moved = (*profile[:i], j, *profile[i + 1 :])
            assert phi(moved) - phi(profile) == pytest.approx(costs[i, j] - costs[i, profile[i]], abs=1e-9)


def test_counterexamples_refute() -> None:
    game = CLAIMS["bound-with-overlap"].check().counterexample
    assert pg.price_of_anarchy(game).poa > 2.5
    uneven = CLAIMS["caching-complete"].check().counterexample
    assert pg.price_of_anarchy(uneven).poa > 1.5
    pair = CLAIMS["poa-hat-overstates"].check().counterexample
    assert isinstance(pair, pg.RoutingGame)
    figures = CLAIMS["poa-hat-overstates"].check().figures
    assert figures["uneven_index"] == pytest.approx(
        2.004 / 101.001
    )  # by hand: both on the fast worker, over one on each
    assert figures["uneven_free"] == pytest.approx(2.004 / 2.002)
    assert pg.price_of_anarchy(pair).poa == pytest.approx(1.0)
    crowded = CLAIMS["router-best-response"].check().counterexample
    assert isinstance(crowded, pg.RoutingGame)
    assert not pg.certify_nash(crowded, [0, 0]).holds
    assert (
        crowded.request_costs([0, 0])[1] < crowded.request_costs([0, 1])[1]
    )  # so the second does go where the first is


def test_a_table_below_one_by_hand() -> None:
    table = estimator.drained_table()
    assert pg.poa_hat(table, "frozen", latency=estimator.IDLE_100).value == pytest.approx(401.0 / 500.0)


def test_one_cluster_rises_and_falls() -> None:
    """c = 30 by an independent optimum: the split of a demand between a worker and a constant link, on a fine grid."""
    figures = CLAIMS["anarchy-at-capacity"].check().figures
    for share in (0.5, 0.9, 0.99, 1.2, 10.0):
        demand = 100.0 * share
        x = np.linspace(0.0, min(demand, 99.99), 200_001)
        on_worker = 10.0 + 0.05 * x + 0.5 * x / (100.0 - x)
        best = (x * on_worker + 30.0 * (demand - x)).min()
        crossing = x[on_worker <= 30.0].max()
        paid = demand * 30.0 if crossing < x[-1] else demand * on_worker[-1]
        assert figures[f"beside_{share:g}"] == pytest.approx(paid / best, rel=1e-4)
    assert max(figures.values()) < 4.0
    assert figures["beside_0.99"] > figures["beside_1.2"] > figures["beside_2"] > figures["beside_10"]
    worst = CLAIMS["anarchy-worst-case"].check().figures
    assert worst["worst_1e-05"] == pytest.approx(0.5 / np.sqrt(1e-5), rel=0.05)
    lost = CLAIMS["routing-loss"].check().figures
    assert lost["loss_1.2"] == pytest.approx(1120.0)
    assert lost["loss_10"] == pytest.approx(1120.0)


def test_temperature_digits() -> None:
    figures = dict(CLAIMS["temperature-some"].check().figures)
    wanted = {
        "still": 1710.0,
        "optimum": 1421.597,
        "at_0.8": 1581.92,
        "at_5": 1423.15,
        "at_50": 1457.95,
        "at_500": 8399.38,
    }
    assert figures == pytest.approx(wanted, rel=1e-5)


def test_sources_say_what_is_ours() -> None:
    """Questions, readings and statements of ours carry the I."""
    for claim in paper.claims():
        if " our" in f" {claim.source}":
            assert "(I)" in claim.source
    assert "(P), of the author elsewhere (A) and of a reader (S)" in CLAIMS["numbers-agree"].source


@pytest.mark.parametrize("nodes", [1, 2, 5, 8])
@pytest.mark.parametrize("cost", [0.7, 1.0, 2.0, 4.0, 9.0])
def test_line_optimum(nodes: int, cost: float) -> None:
    exact = pg.price_of_anarchy(caching.line(np.arange(nodes), cost)).optimum.social_cost
    assert caching.line_optimum(nodes, cost) == pytest.approx(exact)


@pytest.mark.parametrize("nodes", [2, 4, 7, 10])
@pytest.mark.parametrize("cost", [0.3, 1.0, 1.4, 2.5, 6.0, 11.0, 40.0])
def test_the_proof_on_the_line(nodes: int, cost: float) -> None:
    """OPT ≥ n √(α − 1/4) for α ≥ 1, and PoA ≤ 1 + (2/√3) √n."""
    report = pg.price_of_anarchy(caching.line(np.arange(nodes), cost))
    if cost >= 1.0:
        assert report.optimum.social_cost >= nodes * np.sqrt(cost - 0.25) - 1e-9
    assert report.poa <= 1.0 + 2.0 / np.sqrt(3.0) * np.sqrt(nodes)


def test_growth_of_caching() -> None:
    """Exponents by a regression of SciPy's on the closed forms, and limits that they approach."""
    figures = CLAIMS["caching-clusters-grow"].check().figures
    sizes, values = [], []
    for m in (2, 4, 8, 16, 32, 64, 128):
        sizes.append(8.0 * m)
        values.append((1 + (m - 1) * 8 * 300 / 307) / m)
    fit: Any = linregress(np.log(sizes), np.log(values))
    assert figures["more_300"] == pytest.approx(fit.slope, rel=1e-9)
    assert len(figures) == 3 * 3 * 7
    assert [figures[f"{way}_1"] for way in ("more", "larger", "both")] == pytest.approx([0.0] * 3, abs=1e-12)
    for way, wanted in {"more": 0.12, "larger": 0.89, "both": 0.54}.items():
        assert figures[f"{way}_1000"] == pytest.approx(wanted, abs=0.005)
        rising = [figures[f"{way}_{ratio:g}"] for ratio in caching_clusters.RATIOS]
        assert rising == sorted(rising)
    line = CLAIMS["caching-line-grows"].check().figures
    assert line["exponent_low"] < line["exponent"] < line["exponent_high"] < 0.5
    assert line["worst_16"] == pytest.approx(2.177419, rel=5e-7)
    two = CLAIMS["caching-clusters"].check()
    assert pg.price_of_anarchy(two.counterexample).poa > np.sqrt(12)
    assert two.figures["exponent_low"] > 0.8


def test_a_second_tier_by_hand() -> None:
    """Each pays 0.9 for a slow copy of its own or 0.75 for another's, and the fast one would cost 1 and 7 · 0.05."""
    figures = CLAIMS["caching-complete-tiers"].check().figures
    assert figures["best"] == pytest.approx(0.9 + 7 * 0.75)
    assert figures["worst_alone"] == pytest.approx(1.0 + 7 * 0.05)
    assert figures["poa"] == figures["pos"] == pytest.approx(6.15 / 1.35)


def test_cache_paradox_digits() -> None:
    """132 without the cache and 141 with it, optimum 108; by hand for the profile (1, 0, 0): 4·2 + 9·5 + 22·4 = 141."""
    assert float(caching.line_game((True, True, True)).social_cost([1, 0, 0])) == 4.0 * 2 + 9.0 * 5 + 22.0 * 4
    assert float(caching.line_game((False, False, False)).social_cost([0, 0, 0])) == 4.0 * 7 + 13.0 * 9 + 26.0 * 11
    figures = CLAIMS["cache-paradox"].check().figures
    wanted = {"less_best": 132.0, "less_worst": 132.0, "more_best": 141.0, "more_worst": 141.0, "more_optimum": 108.0}
    assert figures == wanted


def test_one_place_more_on_a_cluster_digits() -> None:
    figures = dict(CLAIMS["cache-paradox-clusters"].check().figures)
    wanted = {"less_best": 134.0, "less_worst": 134.0, "less_optimum": 134.0}
    assert figures == wanted | {"more_best": 212.0, "more_worst": 212.0, "more_optimum": 123.0}


@pytest.mark.parametrize("places", [1, 2])
def test_twice_the_places_by_dominance(places: int) -> None:
    """Stores that fill all places with blocks asked for beat all others strictly (each block asked for has a cost if read from afar).

    Of those, all profiles, costs written out anew: GPU 2 pays 60·1 + 60·1 + 21·30 with one place, 60·10 + 60·10 with two.
    """
    game = pg.instances.doubling_cluster(places)
    asked = np.asarray(game.demand)
    apart = [[0 if i == j else 1 if i // 3 == j // 3 else 10 for j in range(6)] for i in range(6)]
    stores = [list(itertools.combinations(np.flatnonzero(row).tolist(), places)) for row in asked]

    def pays(kept: Any, i: int) -> float:
        return sum(
            asked[i, k] * min([30] + [apart[i][j] for j in range(6) if k in kept[j]]) for k in np.flatnonzero(asked[i])
        )

    def stays(kept: Any, i: int) -> bool:
        others = [pays((*kept[:i], store, *kept[i + 1 :]), i) for store in stores[i]]
        return pays(kept, i) <= min(others)

    found = [kept for kept in itertools.product(*stores) if all(stays(kept, i) for i in range(6))]
    assert len(found) == 1
    assert sum(pays(found[0], i) for i in range(6)) == {1: 891.0, 2: 1240.0}[places]
    assert pays(found[0], 2) == {1: 60 + 60 + 21 * 30, 2: 600 + 600}[places]
    figures = CLAIMS["cache-paradox-double"].check(games=1).figures
    name = {1: "one", 2: "two"}[places]
    assert (
        figures[f"{name}_best"] == pytest.approx(figures[f"{name}_worst"]) == pytest.approx({1: 891, 2: 1240}[places])
    )


def test_the_factor_of_twice_the_places_nears_its_limit() -> None:
    figures = CLAIMS["cache-paradox-double"].check(asked=60_000, games=1).figures
    assert figures["two_worst"] / figures["one_worst"] == pytest.approx(20.0 / 12.0, rel=1e-3)


def test_caching_rises_and_falls() -> None:
    """Other draws have the same shape: 1 where all fits, a top about where the pool is full, and less than a third of it far beyond."""
    for seed in (0, 1, 2):
        found = CLAIMS["caching-transition"].check(seed=seed)
        assert found.verdict is paper.Standing.HOLDS_UNDER
        figures = found.figures
        assert figures["low_fits"] == pytest.approx(1.0, abs=1e-12)
        assert figures["high_fits"] == pytest.approx(1.0, abs=1e-9)
        assert figures["gap"] < 1e-9
        names = ("fits", "0.75", "0.99", "1.5", "30")
        assert all(1.0 <= figures[f"low_{name}"] <= figures[f"high_{name}"] * (1 + 1e-9) for name in names)
        top = max(figures["low_0.99"], figures["low_1.5"])
        assert top > figures["low_0.75"] > 1.0
        assert figures["high_30"] - 1.0 < (top - 1.0) / 3.0


def test_greedy_ratio_by_hand() -> None:
    matrix = np.array([[1.0, 2.0], [1.0, 100.0]])
    assert estimator.greedy_ratio(matrix, 1) == pytest.approx(101.0 / 3.0)
    assert estimator.greedy_ratio(matrix, None) == pytest.approx(2.0 / 3.0)
