"""Queueing results: published digits, instances solved, and welfare of single queues from their balance equations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from decimal import Decimal, getcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame.bounds.observable_queue import edelson_hildebrand, naor
from poagame.bounds.queueing import bell_stidham, cohen_kelly, gaitonde_tardos, haviv_roughgarden
from poagame.errors import InvalidInput, TooLarge
from poagame.games import instances
from poagame.games.network import NetworkRouting
from poagame.latency import MM1

PARALLEL = {
    2: (1.693484, 1.961167, 1.996012),
    3: (2.202651, 2.885720, 2.988060),
    5: (2.900249, 4.633044, 4.960357),
}
# offered load: supremum, and the benefit where it is
NAOR = {
    0.5: (1.166667, 2), 0.7: (1.288235, 2), 0.9: (1.426316, 2), 0.95: (1.462821, 2), 0.97: (1.477614, 2), 0.98: (1.485051, 2),
    0.99: (1.556986, 48), 0.995: (1.630701, 80), 0.999: (1.766266, 244),
}  # fmt: skip


@pytest.mark.parametrize("servers", PARALLEL)
def test_parallel_servers_tend_to_their_number(servers: int) -> None:
    bound = haviv_roughgarden(servers)
    assert bound.value == servers
    assert bound.tight
    assert bound.approach is not None
    for size, value in zip((10**2, 10**4, 10**6), PARALLEL[servers], strict=True):
        game = bound.approach(size)
        assert game.certified["poa"] == pytest.approx(value, abs=5.1e-7)
        assert pg.price_of_anarchy(game, rtol=1e-13).poa == pytest.approx(value, abs=6e-7)
        # to first order N (N − 1)/√λ is missing; see the digits
        assert bound.value - value <= 2.1 * servers * (servers - 1) / math.sqrt(size)
    assert bound.approach(10**12).certified["poa"] == pytest.approx(servers, rel=1e-4)


def test_more_servers_than_can_be_built() -> None:
    bound = haviv_roughgarden(10**6 + 1)
    assert (bound.value, bound.tight, bound.instance, bound.approach) == (1e6 + 1, False, None, None)
    assert "too many servers" in bound.remark
    for servers, build in (
        (10**6 + 1, lambda n: instances.parallel_queues(n, 1.0)),
        (4097, instances.contended_servers),
    ):
        with pytest.raises(TooLarge, match="the limit is"):
            build(servers)


def test_one_server_is_no_choice() -> None:
    assert haviv_roughgarden(1).value == 1.0
    assert pg.price_of_anarchy(haviv_roughgarden(1).instance).poa == pytest.approx(1.0)


def test_random_servers_stay_below_their_number() -> None:
    """2,000 sets of three servers by the closed form of `bell_stidham`, which is solved elsewhere here."""
    rng = np.random.default_rng(0)
    largest = 0.0
    for _ in range(2000):
        rates = np.exp(rng.uniform(-4.0, 4.0, 3))
        arrivals = float(rates.sum() * rng.uniform(0.01, 0.99))
        largest = max(largest, instances.mm1_servers(rates, arrivals).certified["poa"])
    assert 2.0 < largest < haviv_roughgarden(3).value


@pytest.mark.parametrize(("arrivals", "value"), [(3.0, 1.2), (4.0, 1.142857), (4.5, 1.125)])
def test_two_servers(arrivals: float, value: float) -> None:
    bound = bell_stidham([4.0, 1.0], arrivals)
    assert bound.value == pytest.approx(value, abs=5.1e-7)
    if arrivals == 3.0:
        np.testing.assert_allclose(pg.wardrop(bound.instance).load, [3.0, 0.0], atol=1e-6)
        np.testing.assert_allclose(pg.social_optimum(bound.instance).profile, [8 / 3, 1 / 3], atol=1e-6)


@settings(max_examples=30)
@given(st.lists(st.floats(0.05, 20.0), min_size=1, max_size=6), st.floats(0.01, 0.97))
def test_any_servers(rates: list[float], load: float) -> None:
    bound = bell_stidham(rates, load * sum(rates))
    report = pg.price_of_anarchy(bound.instance, bound=bound, rtol=1e-13)
    assert report.poa == pytest.approx(bound.value, rel=1e-8)
    assert report.worst.social_cost == pytest.approx(bound.instance.certified["equilibrium_cost"], rel=1e-7)
    assert bound.value * (1 + 1e-12) >= 1.0
    assert bound.value <= haviv_roughgarden(len(rates)).value * (1 + 1e-12)


def test_few_arrivals_at_fast_servers_lose_no_digits() -> None:
    assert bell_stidham([1.0, 1e20], 1e-5).value == pytest.approx(1.0, rel=1e-15)
    assert bell_stidham([1.0, 1e20], 1e-5).instance.certified["equilibrium_cost"] == pytest.approx(1e-25, rel=1e-15)
    # exactly: all at the first server at the equilibrium; at the optimum where both x/(μ − x) rise alike
    assert bell_stidham([1.0 + 1e-9, 1.0], 1e-12).value == pytest.approx(1.0, rel=1e-15)


def test_a_bridge_harms_by_half() -> None:
    bound = cohen_kelly()
    assert bound.measure == "harm"
    assert bound.approach is not None
    harms = []
    for size, value in ((1, None), (10, 1.434211), (1000, 1.499251), (10**5, None)):
        game = bound.approach(size)
        before = instances.cohen_kelly(float(size), 2.0 * size + 0.9, bridge=False)
        assert pg.price_of_anarchy(before).poa == pytest.approx(1.0, rel=1e-9)
        waits = [pg.wardrop(g, rtol=1e-13).social_cost / g.total_demand for g in (before, game)]
        assert waits == pytest.approx([2.0 + 1.0 / (size + 0.9), 3.0], rel=1e-8)
        harms.append(waits[1] / waits[0])
        assert harms[-1] == pytest.approx(game.certified["harm"], rel=1e-8)
        assert value is None or harms[-1] == pytest.approx(value, abs=5.1e-7)
    assert all(a < b < bound.value for a, b in itertools.pairwise(harms))
    assert harms[-1] == pytest.approx(bound.value, rel=1e-5)


def test_stability_factors() -> None:
    assert gaitonde_tardos().value == 2.0
    assert gaitonde_tardos().kind == "coarse correlated"
    patient = gaitonde_tardos(patient=True)
    assert patient.value == pytest.approx(1.581977, abs=5.1e-7)
    assert patient.kind == "mixed"
    assert not patient.tight
    assert patient.approach is not None
    for servers, factor in {2: 1.333333, 5: 1.487387, 10: 1.535340, 100: 1.577368, 1000: 1.581516}.items():
        game = patient.approach(servers)
        assert game.certified["stability_factor"] == pytest.approx(factor, abs=5.1e-7)
        assert game.certified["stability_factor"] < patient.value
        if servers <= 5:
            even = np.full((servers, servers), 1.0 / servers)
            assert pg.certify_mixed(game, even).holds
            dropped = pg.NormalFormGame.of(game).expected_social_cost(even)
            assert servers / (servers - dropped) == pytest.approx(game.certified["stability_factor"], rel=1e-12)
            assert dropped == pytest.approx(game.certified["mixed_equilibrium_cost"], rel=1e-12)
            # with one job a server, the equilibrium in pure strategies, nobody is dropped
            assert game.social_cost(list(range(servers))) == 0.0
            assert pg.certify_nash(game, list(range(servers))).holds


def welfare(rho: float, nu: float, most: int) -> float:
    """Welfare of an M/M/1 queue with at most `most` customers, of its stationary law as the null vector of the balance equations."""
    law = np.array([1.0])
    for _ in range(most):
        law = np.append(law, law[-1] * rho)
        law /= law.sum()
    return rho * (1.0 - law[-1]) * nu - float(law @ np.arange(most + 1))


@pytest.mark.parametrize("rho", NAOR)
def test_naor(rho: float) -> None:
    value, at = NAOR[rho]
    bound = naor(rho)
    assert bound.value == pytest.approx(value, abs=5.1e-7)
    assert bound.remark.startswith(f"at ν = {at},")
    assert naor(rho, benefit=at).value == pytest.approx(bound.value, rel=1e-12)
    if at == 2:
        assert bound.value == pytest.approx((1 + rho + rho**2) / (1 + rho), rel=1e-13)
    assert not bound.tight


def test_naor_near_a_full_load() -> None:
    """At ρ = 0.9999 the worst benefit is 1187, not 1156 as a coarser search has it: in 50 digits, without poagame."""
    getcontext().prec = 50

    def exact(nu: int) -> Decimal:
        powers = [Decimal("0.9999") ** i for i in range(nu + 1)]
        total, area, sums = Decimal(0), Decimal(0), []
        for i, power in enumerate(powers):
            total, area = total + power, area + i * power
            sums.append((total, area))
        gains = [
            nu * Decimal("0.9999") * sums[n - 1][0] / sums[n][0] - sums[n][1] / sums[n][0] for n in range(1, nu + 1)
        ]
        return max(gains) / gains[-1]

    assert exact(1156) == pytest.approx(Decimal("1.884693"), abs=Decimal("5.1e-7"))
    assert exact(1187) > exact(1156)
    assert naor(0.9999).value == pytest.approx(float(exact(1187)), rel=1e-12)
    assert naor(0.9999, benefit=1156).value == pytest.approx(1.884693, abs=5.1e-7)
    assert naor(0.9999).remark.startswith("at ν = 1187,")


@pytest.mark.parametrize(
    ("rho", "nu", "value"), [(1.0, 2e4, 1.980248), (1.1, 395, 37.56), (2.0, 395, 387.42), (2.0, 1e6, None)]
)
def test_naor_at_and_beyond_a_full_load(rho: float, nu: float, value: float | None) -> None:
    found = naor(rho, benefit=nu).value
    if value is None:  # linear in ν
        assert found / nu == pytest.approx(naor(rho, benefit=nu / 2).value / (nu / 2), rel=1e-4)
    else:
        assert found == pytest.approx(value, abs=5.1e-3 if rho > 1 else 5.1e-7)
    assert naor(rho).value == (2.0 if rho == 1.0 else math.inf)


@pytest.mark.parametrize(("rho", "nu"), [(1e300, 1e6), (1e8, 3.0), (1e12, 7.0), (3.0, 40.0), (5e-324, 1.0 + 1e-9)])
def test_naor_of_any_load_in_many_digits(rho: float, nu: float) -> None:
    """Against all thresholds in exact arithmetic; of the first, whose thresholds are a million, by its two that matter."""
    load, benefit = Fraction(rho), Fraction(nu)

    def exact(n: int) -> Fraction:
        powers = [load**k for k in range(n + 1)]
        return (benefit * load * sum(powers[:-1]) - sum(k * p for k, p in enumerate(powers))) / sum(powers)

    if nu == 1e6:
        # one alone gains ν − 1 almost surely; with ν customers all but about 1/ρ is lost in waiting
        assert naor(rho, benefit=nu).value == pytest.approx((nu - 1.0) * rho, rel=1e-12)
    else:
        gains = [exact(n) for n in range(1, math.floor(nu) + 1)]
        assert naor(rho, benefit=nu).value == pytest.approx(float(max(gains) / gains[-1]), rel=1e-12)


@pytest.mark.parametrize(("rho", "nu", "value"), [(2.0, 1e300, math.inf), (0.5, 1e300, 1.0), (1.0 - 1e-16, 1e40, 1.0)])
def test_customers_who_do_not_see_the_queue_and_gain_hugely(rho: float, nu: float, value: float) -> None:
    assert edelson_hildebrand(rho, nu).value == value


def test_naor_at_a_full_load_stays_below_its_limit() -> None:
    values = [naor(1.0, benefit=nu).value for nu in (2, 3, 10, 100, 1000, 10**6)]
    assert max(values) < naor(1.0).value
    assert values[-1] == pytest.approx(2.0, rel=3e-3)


@settings(max_examples=40)
@given(st.floats(0.05, 3.0), st.floats(1.001, 40.0))
def test_naor_by_brute_force(rho: float, nu: float) -> None:
    """The social threshold by trying all, the selfish one by its definition."""
    gains = [welfare(rho, nu, n) for n in range(1, math.floor(nu) + 1)]
    if gains[-1] > 1e-6 * nu:
        assert naor(rho, benefit=nu).value == pytest.approx(max(gains) / gains[-1], rel=1e-6)
        assert rho >= 1.0 or naor(rho, benefit=nu).value <= naor(rho).value * (1 + 1e-12)


@pytest.mark.parametrize("rho", [0.3, 0.9, 0.99])
def test_whole_benefits_are_worst(rho: float) -> None:
    scan = max(naor(rho, benefit=float(nu)).value for nu in np.arange(1.05, 60.0, 0.05))
    assert scan <= naor(rho).value * (1 + 1e-12)


@pytest.mark.parametrize(
    ("rho", "nu"), [(0.3, 4.0), (0.5, 4.0), (0.6, 4.0), (0.74, 4.0), (0.75, 4.0), (2.0, 9.0), (0.2, 1.1)]
)
def test_customers_who_do_not_see_the_queue(rho: float, nu: float) -> None:
    """Joining or staying away is routing over the queue and a constant link: welfare is νρ less the cost."""
    bound = edelson_hildebrand(rho, nu)
    game = bound.instance
    selfish, best = pg.wardrop(game, rtol=1e-13), pg.social_optimum(game)
    gained, possible = nu * rho - selfish.social_cost, nu * rho - best.social_cost
    assert selfish.load[0] == pytest.approx(min(rho, 1 - 1 / nu), rel=1e-6)
    assert best.profile[0] == pytest.approx(min(rho, 1 - 1 / math.sqrt(nu)), rel=1e-5)
    if math.isinf(bound.value):
        assert rho >= 1 - 1 / nu
        assert gained == pytest.approx(0.0, abs=1e-8)
        assert possible > 1e-3
    else:
        assert possible / gained == pytest.approx(bound.value, rel=1e-7)
    assert pg.price_of_anarchy(game).poa == pytest.approx(game.certified["poa"], rel=1e-8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: haviv_roughgarden(0), "at least 1"),
        (lambda: haviv_roughgarden(2.5), "whole"),  # pyright: ignore[reportArgumentType]
        (lambda: haviv_roughgarden(True), "whole"),
        (lambda: haviv_roughgarden(10**400), "at most"),
        (lambda: bell_stidham([1e-300, 1e300], 1e-200), "between 1e-150 and 1e150"),
        (lambda: bell_stidham([1e140, 2.0], 1e-200), "range of floats"),
        (lambda: bell_stidham(10**400, 1.0), "range of floats"),
        (lambda: naor(10**400), "range of floats"),
        (lambda: naor(0.5, benefit=10**400), "range of floats"),
        (lambda: edelson_hildebrand(0.5, 10**400), "range of floats"),
        (lambda: bell_stidham([1.0, 2.0], 3.0), "overload"),
        (lambda: bell_stidham([1.0, -2.0], 0.5), "positive"),
        (lambda: bell_stidham([1.0, math.nan], 0.5), "finite"),
        (lambda: bell_stidham([], 0.5), "service_rates"),
        (lambda: bell_stidham([1.0, 2.0], 0.0), "arrival_rate"),
        (lambda: gaitonde_tardos(2), "True or False"),  # pyright: ignore[reportArgumentType]
        (lambda: naor(0.0), "utilisation"),
        (lambda: naor(math.nan), "utilisation"),
        (lambda: naor(0.5, benefit=1.0), "benefit must exceed 1"),
        (lambda: naor(0.5, benefit=math.inf), "benefit"),
        (lambda: naor(0.5, benefit=1e9), "at most"),
        (lambda: naor(1 - 1e-9), "too close to 1"),
        (lambda: edelson_hildebrand(-1.0, 4.0), "utilisation"),
        (lambda: edelson_hildebrand(0.5, 0.5), "benefit must exceed 1"),
        (lambda: instances.contended_servers(1), "at least 2"),
    ],
)
def test_bad_input_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()


def test_servers_of_equal_rates_share_evenly() -> None:
    game = instances.mm1_servers([2.0, 2.0, 2.0], 4.5)
    assert game.certified["poa"] == pytest.approx(1.0, rel=1e-14)
    assert pg.wardrop(NetworkRouting.parallel(MM1([2.0, 2.0, 2.0]), 4.5)).social_cost == pytest.approx(
        game.certified["equilibrium_cost"], rel=1e-9
    )
