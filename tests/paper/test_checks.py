"""Every verdict follows from its computation: a mutated game, table or number turns it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import polars as pl
import pytest

import poagame as pg
from poagame import paper, shipped
from poagame.errors import InvalidInput
from poagame.latency import Polynomial
from poagame.measured import DecisionTable, RequestTable, SweepTable
from poagame.paper import Claim, Finding, Standing
from poagame.paper.checks import caching, classical, estimator, potential, resource, router, saturation

CLAIMS = {claim.id: claim for claim in paper.claims()}
HOLDS, FAILS, UNDER, UNDECIDED = Standing.HOLDS, Standing.FAILS, Standing.HOLDS_UNDER, Standing.UNDECIDED


def decisions(name: str) -> pl.DataFrame:
    return pg.read_decisions(shipped.path(name)).frame.collect()


def requests(name: str) -> pl.DataFrame:
    return pg.read_requests(shipped.path(name)).frame.collect()


def drawn_choices(count: int, normalised: bool, seed: int = 0) -> DecisionTable:
    """Choices among five workers at τ = 1 by one of the two softmax rules."""
    rng = np.random.default_rng(seed)
    logits = rng.uniform(0.0, 6.0, (count, 5))
    p = router.choice_probabilities(logits, 1.0, normalised)
    chosen = (p.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    frame = pl.DataFrame(
        {
            "run": "drawn",
            "decision": np.repeat(np.arange(count), 5),
            "worker": [str(k) for k in range(5)] * count,
            "temperature": 1.0,
            "logit": logits.ravel(),
            "selected": (np.arange(5) == chosen[:, None]).ravel(),
        }
    )
    return DecisionTable.from_frame(frame)


def bent_sweep(knee: float = 64.0) -> RequestTable:
    """The recorded sweep as if latency had bent at a load: one request a level of a noiseless curve."""
    load = np.array([4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256])
    frame = pl.DataFrame(
        {
            "request_id": [str(k) for k in range(len(load))],
            "concurrency": load,
            "latency_ms": 300.0 + load + 50.0 * np.maximum(load - knee, 0.0),
        }
    )
    return RequestTable.from_frame(frame)


def hot_grid(factor: float) -> RequestTable:
    """The recorded grid with latencies of τ = 1 times a factor."""
    hot = pl.when(pl.col("temperature") == 1.0).then(factor).otherwise(1.0)
    frame = requests("agg5_grid.requests").with_columns(pl.col("latency_ms") * hot)
    return RequestTable.from_frame(frame.drop("itl_ms", "finish_ms"))


def uneven_grid() -> RequestTable:
    """The recorded grid with latencies that grow with τ in the heavy phase alone."""
    heavy = pl.when(pl.col("phase") == "high").then(1.0 + pl.col("temperature")).otherwise(1.0)
    frame = requests("agg5_grid.requests").with_columns(pl.col("latency_ms") * heavy)
    return RequestTable.from_frame(frame.with_columns(finish_ms=pl.col("arrival_ms") + pl.col("latency_ms")))


def long_sweep(knee: float) -> SweepTable:
    load = np.array([8.0, 16, 32, 48, 64, 80, 96, 128, 160, 192, 256])
    latency = 300.0 + load + 50.0 * np.maximum(load - knee, 0.0)
    return SweepTable.from_frame(pl.DataFrame({"series": "drawn", "concurrency": load, "latency_ms": latency}))


def bent_measurements() -> SweepTable:
    load = pl.col("concurrency")
    frame = saturation.measured_sweep().frame.with_columns(pl.col("latency_ms") + 1e4 * (load - 32).clip(0))
    return SweepTable.from_frame(frame)


def with_prices(name: str, change: pl.Expr) -> list[DecisionTable]:
    return [DecisionTable.from_frame(decisions(name).with_columns(change))]


def atomic_pigou() -> pg.RoutingGame:
    """Two requests, latency x beside a constant just above 2: noiseless play has both on the first."""
    return pg.RoutingGame(Polynomial([[0.0, 1.0], [2.1, 0.0]]), np.zeros((2, 2)), 1.0)


STATIC_BROKEN = {"draw": potential.arrival_order_game, "games": 20}
CASES: list[tuple[str, Any, Standing]] = [
    ("variational-unique", lambda: {"game": resource.SharedBudget(weight=(0.0, 0.0))}, FAILS),
    ("variational-unique", lambda: {"flat": resource.SharedBudget()}, HOLDS),
    ("variational-not-optimal", lambda: {"game": resource.SharedBudget(harm=0.0)}, UNDECIDED),
    ("caching-complete", lambda: {"demand": (1.0, 1.0)}, HOLDS),
    ("caching-line", lambda: {"positions": range(8)}, HOLDS),
    ("caching-line", lambda: {"factor": 0.5}, FAILS),
    ("cache-paradox", lambda: {"rates": ((1.0, 1.0), (1.0, 1.0), (1.0, 1.0))}, UNDECIDED),
    ("potential-static", lambda: STATIC_BROKEN, HOLDS),
    ("potential-one-sided", lambda: {"draw": potential.symmetric_game, "games": 20}, FAILS),
    ("potential-one-sided", lambda: {"control": potential.arrival_order_game, "games": 20}, HOLDS),
    ("potential-factor", lambda: {"draw": potential.common_factor_game, "games": 20}, FAILS),
    ("potential-factor", lambda: {"control": potential.factor_game, "games": 20}, HOLDS),
    ("potential-symmetric", lambda: {"draw": potential.arrival_order_game, "games": 20}, FAILS),
    ("router-argmin", lambda: {"tables": [wrong_choices()]}, FAILS),
    ("router-normalised", lambda: {"table": drawn_choices(500, normalised=False)}, FAILS),
    ("router-normalised", lambda: {"table": drawn_choices(500, normalised=True)}, HOLDS),
    ("router-normalised", lambda: {"table": drawn_choices(3, normalised=True)}, UNDECIDED),
    ("router-two-workers", lambda: {"normalised": False}, FAILS),
    ("router-regret", lambda: {"table": regret_table(heat=1.0 - pl.col("temperature"))}, FAILS),
    ("router-regret", lambda: {"table": regret_table(weight=0.0)}, HOLDS),
    (
        "router-decode-weight",
        lambda: {"tables": with_prices("dynamo090_1P2D_w1_t0_decisions", pl.lit(0.5).alias("overlap_weight"))},
        FAILS,
    ),
    (
        "router-decode-weight",
        lambda: {"tables": with_prices("dynamo090_1P2D_w1_t0_decisions", pl.lit("prefill").alias("phase"))},
        UNDECIDED,
    ),
    ("temperature-games", lambda: {"helped": pg.instances.braess(bridge=False)}, FAILS),
    ("temperature-games", lambda: {"alike": atomic_pigou()}, UNDECIDED),
    ("temperature-recorded", lambda: {"sweep": bent_sweep(), "grid": hot_grid(0.8)}, HOLDS),
    ("temperature-recorded", lambda: {"sweep": bent_sweep(), "grid": hot_grid(1.2)}, FAILS),
    ("temperature-recorded", lambda: {"sweep": bent_sweep()}, UNDECIDED),
    ("controller-gain", lambda: {"gain": 4.0}, FAILS),
    ("knee-second-derivative", lambda: {"latency": Polynomial([[10.0, 0.05]])}, FAILS),
    ("knee-measured", lambda: {"sweep": bent_measurements()}, HOLDS),
    ("knee-96-128", lambda: {"sweep": long_sweep(110.0)}, HOLDS),
    ("knee-96-128", lambda: {"sweep": long_sweep(32.0)}, FAILS),
    ("anarchy-at-capacity", lambda: {"alternative": Polynomial([[1e9]])}, FAILS),
    ("bound-nonatomic-affine", lambda: {"bound": 1.3, "games": 2}, FAILS),
    ("bound-nonatomic-affine", lambda: {"bound": 1.4, "games": 2}, UNDECIDED),
    ("bound-atomic-affine", lambda: {"bound": 2.4, "games": 2}, FAILS),
    ("bound-atomic-affine", lambda: {"bound": 2.6, "games": 2}, UNDECIDED),
    ("bound-atomic-polynomial", lambda: {"formula": lambda d: 0.99 * classical.aland(d), "games": 1}, FAILS),
    ("bound-atomic-polynomial", lambda: {"formula": lambda d: 1.01 * classical.aland(d), "games": 1}, UNDECIDED),
    ("bound-traffic-limits", lambda: {"network": pg.instances.unsettled_links(1, 3)}, FAILS),
    ("bound-traffic-limits", lambda: {"odd": pg.instances.braess(bridge=False)}, HOLDS),
    ("bound-with-overlap", lambda: {"gains": (0.0, 0.1)}, UNDECIDED),
    ("poa-hat-overstates", lambda: {"expected": Polynomial([[100.0]])}, HOLDS),
    ("poa-hat-below-one", lambda: {"expected": Polynomial([[100.0]])}, UNDECIDED),
    ("poa-hat-one-matrix", lambda: {"odd": np.ones((2, 2))}, HOLDS),
    ("poa-hat-invariance", lambda: {"sweep": bent_sweep()}, FAILS),
    ("poa-hat-invariance", lambda: {"sweep": bent_sweep(), "grid": uneven_grid()}, HOLDS),
    ("numbers-agree", lambda: {"plateau_variation": 0.01}, HOLDS),
]


def wrong_choices() -> DecisionTable:
    """The recorded sweep, one decision of which went to a dearer worker."""
    frame = decisions("agg5_sweep.decisions")
    spread = frame.group_by("decision").agg((pl.col("logit").max() - pl.col("logit").min()).alias("spread"))
    at = spread.sort("spread", "decision")["decision"][-1]
    dearest = frame.filter(pl.col("decision") == at).sort("logit")["worker"][-1]
    here = pl.col("decision") == at
    return DecisionTable.from_frame(
        frame.with_columns(selected=pl.when(here).then(pl.col("worker") == dearest).otherwise(pl.col("selected")))
    )


def regret_table(heat: pl.Expr | None = None, weight: float | None = None) -> DecisionTable:
    frame = decisions("agg5_grid.decisions")
    if weight is not None:
        frame = frame.filter(pl.col("overlap_weight") == weight)
    return DecisionTable.from_frame(frame if heat is None else frame.with_columns(temperature=heat))


@pytest.mark.parametrize(
    ("claim", "options", "standing"), CASES, ids=[f"{name} {s.name} {k}" for k, (name, _, s) in enumerate(CASES)]
)
def test_a_mutation_turns_the_verdict(claim: str, options: Any, standing: Standing) -> None:
    verdict = CLAIMS[claim].check(**options())
    assert verdict.verdict is standing, str(verdict)


def test_every_claim_that_computes_has_a_mutation() -> None:
    still = {claim.id for claim in paper.claims()} - {name for name, _, _ in CASES}
    assert still == {"growth-past-knee", "pools", "caching-transition", "coupling-oscillates", "queueing-two"}
    assert all(CLAIMS[name].check().verdict is UNDECIDED for name in still)


def test_the_complete_graph_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "complete_graph", lambda n, cost, demand=1.0: caching.line(np.arange(n), n - 1.0))
    assert CLAIMS["caching-complete"].check().verdict is FAILS


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
    table = CLAIMS["poa-hat-overstates"].check().counterexample
    assert isinstance(table, RequestTable)
    assert pg.poa_hat(table, "frozen", latency=estimator.IDLE_100).value == pytest.approx(401.0 / 500.0)  # by hand


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


def test_cache_paradox_digits() -> None:
    """132 without the cache and 141 with it, optimum 108; by hand for the profile (1, 0, 0): 4·2 + 9·5 + 22·4 = 141."""
    assert float(caching.line_game((True, True, True)).social_cost([1, 0, 0])) == 4.0 * 2 + 9.0 * 5 + 22.0 * 4
    assert float(caching.line_game((False, False, False)).social_cost([0, 0, 0])) == 4.0 * 7 + 13.0 * 9 + 26.0 * 11
    figures = CLAIMS["cache-paradox"].check().figures
    wanted = {"less_best": 132.0, "less_worst": 132.0, "more_best": 141.0, "more_worst": 141.0, "more_optimum": 108.0}
    assert figures == wanted


def test_greedy_ratio_by_hand() -> None:
    matrix = np.array([[1.0, 2.0], [1.0, 100.0]])
    assert estimator.greedy_ratio(matrix, 1) == pytest.approx(101.0 / 3.0)
    assert estimator.greedy_ratio(matrix, None) == pytest.approx(2.0 / 3.0)


def test_options_are_checked() -> None:
    with pytest.raises(InvalidInput, match="takes bound, games, seed; got 'bond'"):
        CLAIMS["bound-nonatomic-affine"].check(bond=2.0)


def test_a_finding_says_what_it_needs() -> None:
    incomplete: list[tuple[Standing, dict[str, Any]]]
    incomplete = [(FAILS, {}), (UNDER, {}), (UNDECIDED, {}), (HOLDS, {"assumption": "x"}), (HOLDS, {"decided_by": "x"})]
    for standing, more in incomplete:
        with pytest.raises(InvalidInput):
            Finding(standing, "theorem", "computed", **more)
    with pytest.raises(InvalidInput, match="says what was computed"):
        Finding(HOLDS, "theorem", " ")
    with pytest.raises(InvalidInput, match="grounds"):
        Finding(HOLDS, "hearsay", "computed")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="carries a tag"):
        Claim("x", "y", "somewhere", lambda: Finding(HOLDS, "theorem", "computed"))
