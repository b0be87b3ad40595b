"""price_of_anarchy: exact against brute force, labelled where it is not, undefined where a ratio means nothing."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given

import poagame as pg
from poagame.anarchy.report import report
from poagame.anarchy.verb import _costs, wardrop_costs
from poagame.bounds import tight_poa
from poagame.errors import Infeasible, InvalidInput, NoEquilibrium, TooLarge, UndefinedRatio
from poagame.games import RoutingGame
from poagame.latency import MM1, Polynomial, Saturating, Tabulated
from poagame.solvers.extremes import Extremes
from poagame.testing import routing_games
from tests import oracles
from tests.solvers.test_optimum import CONCAVE

PIGOU = RoutingGame(Polynomial([[0.0, 1.0], [2.0, 0.0]]), np.zeros((2, 2)))


@given(routing_games(variants=("static", "static", "symmetric", "weighted"), max_requests=5))
@example(PIGOU)
@example(RoutingGame(CONCAVE, np.zeros((5, 2))))
def test_exact_values_are_those_of_brute_force(game: RoutingGame) -> None:
    oracle = oracles.Oracle(game)
    costs = [oracle.social(s) for s in oracle.equilibria()]
    least = oracle.least()
    if least <= 1e-9:
        with pytest.raises(UndefinedRatio, match="means nothing"):
            pg.price_of_anarchy(game)
        return
    if not costs:
        with pytest.raises(NoEquilibrium, match="were looked at"):
            pg.price_of_anarchy(game)
        return
    report = pg.price_of_anarchy(game)
    assert report.exact
    assert report.poa == pytest.approx(max(costs) / least, rel=1e-8)
    assert report.pos == pytest.approx(min(costs) / least, rel=1e-8)
    for low, ratio, high in (
        (report.poa_low, max(costs) / least, report.poa_high),
        (report.pos_low, min(costs) / least, report.pos_high),
    ):
        assert low * (1 - 1e-9) <= ratio <= high * (1 + 1e-9)
        assert high <= low * (1 + 1e-5)  # an integer programme proves no more digits
    assert report.worst.certificate.holds
    assert report.best.certificate.holds
    assert report.poa >= report.pos >= 1 - 1e-9


def test_two_links_attain_four_thirds() -> None:
    """Links {x, 2}, two requests: both on x (a tie) costs 4, the optimum 3; the tight 4/3 of symmetric affine singletons."""
    report = pg.price_of_anarchy(PIGOU, bound=tight_poa(Polynomial([[0.0, 1.0]]), 2))
    assert report.exact
    assert report.poa == pytest.approx(4 / 3)
    assert report.pos == 1.0
    assert "= 1.33333333" in str(report)
    assert "bound" in str(report)
    assert json.loads(json.dumps(report.to_dict()))["poa"] == report.poa


def test_the_papers_size_is_exact() -> None:
    """N = 128 requests of 5 templates on 5 workers: 5^128 profiles, settled exactly."""
    rng = np.random.default_rng(0)
    latency = Saturating(rng.uniform(6, 7, 5), np.full(5, 0.03), np.full(5, 0.5), np.full(5, 200.0))
    report = pg.price_of_anarchy(RoutingGame(latency, 3 * rng.random((5, 5)), 0.5, multiplicity=[26, 26, 26, 25, 25]))
    assert report.exact
    assert 1 <= report.pos <= report.poa < 1.5
    assert "all load vectors of 128 requests of 5 types on 5 workers" in str(report)


def test_beyond_enumeration_the_report_is_labelled() -> None:
    rng = np.random.default_rng(0)
    e = rng.random((24, 24))
    game = RoutingGame(Polynomial([[1.0, 0.5]] * 3), rng.random((24, 3)), 0.02, e + e.T)
    report = pg.price_of_anarchy(game)
    assert not report.exact
    assert math.isinf(report.poa_high)
    assert report.pos_low == pytest.approx(1.0)
    assert "≥" in str(report)
    assert "others may exist" in str(report)


def test_a_game_without_pure_equilibrium_says_so() -> None:
    """Arrival-order affinity, found by search: all profiles have a deviation."""
    rng = np.random.default_rng(1)
    for _ in range(400):
        e = rng.integers(-4, 5, (3, 3)).astype(float)
        game = RoutingGame(Polynomial([[20.0, 1.0], [20.0, 1.0]]), rng.integers(0, 3, (3, 2)), 1.0, e, "arrival_order")
        if not oracles.Oracle(game).equilibria():
            break
    else:
        pytest.fail("no game without equilibrium among 400")
    with pytest.raises(NoEquilibrium, match="all 2\\^3 profiles"):
        pg.price_of_anarchy(game)
    assert pg.equilibria(game).outcome is pg.Outcome.NO_EQUILIBRIUM
    assert pg.improvement_cycle(game) is not None


def test_overlap_that_outweighs_latency_is_undefined() -> None:
    with pytest.raises(UndefinedRatio, match="overlap_weight of a routing game"):
        pg.price_of_anarchy(RoutingGame(Polynomial([[1.0, 0.1]]), np.full((4, 2), 5.0)))


def test_a_concept_must_fit_the_game() -> None:
    braess = pg.instances.braess()
    with pytest.raises(InvalidInput, match="NetworkRouting is no finite game"):
        pg.price_of_anarchy(braess, concept="pure")
    with pytest.raises(InvalidInput, match="needs a NetworkRouting; got CongestionGame"):
        pg.price_of_anarchy(pg.instances.symmetric_affine(), concept="wardrop")
    with pytest.raises(InvalidInput, match="needs a SplittableRouting"):
        pg.price_of_anarchy(braess, concept="splittable")
    with pytest.raises(InvalidInput, match="temperature belongs to"):
        pg.price_of_anarchy(pg.instances.symmetric_affine(), concept="logit")
    with pytest.raises(InvalidInput, match="temperature belongs to"):
        pg.price_of_anarchy(braess, temperature=1.0)
    with pytest.raises(InvalidInput, match="concept is 'pure'"):
        pg.price_of_anarchy(pg.instances.symmetric_affine(), concept="nash")  # type: ignore[arg-type]


def test_concepts_are_nested() -> None:
    """Pure within mixed within correlated within coarse correlated: the price of anarchy rises, that of stability falls."""
    chicken = pg.NormalFormGame([[[1.0, 6.0], [0.0, 8.0]], [[1.0, 0.0], [6.0, 8.0]]])
    reports = [pg.price_of_anarchy(chicken, concept=c) for c in ("pure", "mixed", "correlated", "cce")]
    for narrow, wide in itertools.pairwise(reports):
        assert narrow.exact
        assert narrow.poa <= wide.poa + 1e-9
        assert narrow.pos >= wide.pos - 1e-9
    assert [r.concept for r in reports] == ["pure", "mixed", "correlated", "cce"]
    assert "cce: all coarse" in str(reports[-1])


def test_the_curve_is_the_price_of_anarchy_at_each_demand() -> None:
    game = pg.instances.slow_convergence()
    demands = [3.0, 0.5, 10.0, 3.0]
    curve = pg.anarchy_curve(game, demands)
    assert curve.complete
    np.testing.assert_array_equal(curve.demand, demands)
    for k, demand in enumerate(demands):
        assert curve.poa[k] == pytest.approx(pg.instances.slow_convergence(demand).certified["poa"], abs=1e-8)
        assert curve.poa_low[k] <= pg.instances.slow_convergence(demand).certified["poa"] <= curve.poa_high[k]
    assert len(str(curve).splitlines()) == 5
    for wrong in ([0.0], [-1.0], [], [np.nan]):
        with pytest.raises(InvalidInput):
            pg.anarchy_curve(game, wrong)
    with pytest.raises(Infeasible):
        pg.anarchy_curve(pg.instances.two_queues(1.0), [1.0, 6.0])


def test_an_interrupted_curve_keeps_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    from poagame.anarchy import curve as module

    calls = []

    def costs(found: object) -> object:
        calls.append(found)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return wardrop_costs(found)

    monkeypatch.setattr(module, "wardrop_costs", costs)
    curve = pg.anarchy_curve(pg.instances.pigou(1), [4.0, 1.0, 0.25])
    assert not curve.complete
    np.testing.assert_array_equal(curve.demand, [1.0, 0.25])
    np.testing.assert_allclose(curve.poa, [4 / 3, 1.0], rtol=1e-9)
    assert "interrupted" in str(curve)


def test_the_potential_of_a_network_is_beckmanns() -> None:
    assert pg.potential(pg.instances.pigou(1), [0.25, 0.5]) == pytest.approx(0.25 + 0.125)


@pytest.mark.parametrize(("temperature", "ratio"), [(0.01, 1.290381), (1.0, 1.054040)])
def test_logit_of_a_network_is_its_stochastic_equilibrium(temperature: float, ratio: float) -> None:
    report = pg.price_of_anarchy(pg.instances.braess(), concept="logit", temperature=temperature)
    assert report.exact
    assert report.poa == report.pos == pytest.approx(ratio, abs=6e-7)


def test_a_wrong_kind_of_game_is_told_what_to_call() -> None:
    network = pg.instances.pigou(1)
    for verb in (pg.equilibrium, pg.equilibria, pg.improvement_cycle, pg.is_exact_potential, pg.NormalFormGame.of):
        with pytest.raises(InvalidInput, match=r"NetworkRouting is no finite game.*wardrop\(game\)"):
            verb(network)  # type: ignore[operator]
    with pytest.raises(InvalidInput, match="anarchy_curve scales the demand of a NetworkRouting"):
        pg.anarchy_curve(pg.instances.symmetric_affine(), [1.0])  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="bound is a PoaBound"):
        pg.price_of_anarchy(network, bound=3)  # type: ignore[arg-type]


def test_games_too_large_for_a_concept_are_refused_at_once() -> None:
    crowd = pg.CongestionGame(Polynomial([0.0, 1.0]), [[[0], [1]]], multiplicity=[2000])
    for concept in ("mixed", "correlated", "cce"):
        with pytest.raises(TooLarge, match=r"2\^2000"):
            pg.price_of_anarchy(crowd, concept=concept)
    with pytest.raises(TooLarge, match="resources"):
        pg.CongestionGame(Polynomial([0.0, 1.0]), [[[10**12]]])
    with pytest.raises(TooLarge, match="players"):
        pg.CongestionGame(Polynomial([0.0, 1.0]), [[[0], [1]]], multiplicity=[10**10])
    full = pg.CongestionGame(MM1([1.5, 1.5]), [[[0], [1]]] * 2)
    with pytest.raises(InvalidInput, match=r"profile \(0, 0\) of this CongestionGame"):
        pg.price_of_anarchy(full, concept="mixed")


def test_a_loose_flow_is_not_called_exact() -> None:
    game = pg.instances.slow_convergence(10.0)
    loose = pg.price_of_anarchy(game, rtol=0.5)
    assert loose.poa_low <= game.certified["poa"] <= loose.poa_high
    assert loose.exact == (loose.poa_high - loose.poa_low <= 2e-3 * loose.poa)
    assert pg.price_of_anarchy(game).exact


def test_cost_that_is_not_convex_leaves_a_labelled_ratio() -> None:
    game = pg.NetworkRouting.parallel(Tabulated([0, 1, 2, 3], [[1, 3, 4, 4.5], [2, 2.1, 2.2, 2.3]]), 2.0)
    report = pg.price_of_anarchy(game)
    first = np.linspace(0.0, 2.0, 20001)
    best = float(game.social_cost(np.stack([first, 2.0 - first], axis=1)).min())
    assert report.poa_low <= report.worst.social_cost / best <= report.poa_high
    assert report.poa_high < 1.01 * report.poa_low


def test_a_point_that_is_not_certified_bounds_nothing() -> None:
    """A worst "equilibrium" of cost 9 that does not hold must not raise the lower end of the interval."""
    game = pg.instances.symmetric_affine()
    good = pg.equilibrium(game)
    bad = replace(good, social_cost=9.0, certificate=replace(good.certificate, max_regret=5.0))
    optimum = pg.social_optimum(game)
    seen = {}
    for name, worst in (("bad", bad), ("good", replace(good, social_cost=9.0))):
        costs = _costs(Extremes(worst, good, 12.0, 7.5, False, ""))
        seen[name] = report(costs, optimum, "mixed", None)
    assert seen["bad"].poa_low == 1.0
    assert "≈ 1.2" in str(seen["bad"])
    assert seen["good"].poa_low == pytest.approx(1.2)
    assert "≥ 1.2" in str(seen["good"])
