"""Every verdict follows from its computation: a mutated game, table or number turns it."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

import poagame as pg
from poagame import paper, shipped
from poagame.errors import InvalidInput
from poagame.latency import Latency, Polynomial, Saturating
from poagame.latency.stacked import Stacked
from poagame.measured import DecisionTable, RequestTable, SweepTable
from poagame.paper import Claim, Finding, Standing
from poagame.paper.checks import anarchy, caching, caching_clusters, estimator, potential, resource, router, saturation
from poagame.serving import CacheAffinity, DecodeTime
from poagame.serving.experiments import cluster_of, paper_cluster
from tests.paper.counterexamples import is_code

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


def no_overlap_game(rng: np.random.Generator | None = None) -> pg.RoutingGame:
    """Requests that are all alike: placed one by one they are in equilibrium."""
    lines = np.ones((2, 2)) if rng is None else rng.integers(1, 5, (3, 2)).astype(float)
    return pg.RoutingGame(Polynomial(lines), np.zeros((4, len(lines))), 0.0)


# no pure equilibrium, by all of its profiles: those who follow gain from who came first, who does not care for them
RESTLESS = pg.RoutingGame(
    Polynomial([[3.0, 2.0], [0.0, 3.0], [2.0, 0.0]]),
    [[2.0, 2.0, 0.0], [3.0, 2.0, 1.0], [0.0, 0.0, 3.0]],
    affinity=[[0.0, 0.0, 0.0], [6.0, 0.0, 0.0], [1.0, 5.0, 0.0]],
    affinity_kind="arrival_order",
)


def beside_constant(cost: float) -> Latency:
    """A worker as large as two beside a constant link, in the place of two identical workers."""
    return Stacked.of([Saturating(10.0, 0.025, 0.5, 200.0), Polynomial([[cost]])])


def full_worker() -> Latency:
    """A worker of half the capacity that its demand is reckoned by: near it the loss is as large as it gets, and no longer grows."""
    return Stacked.of([anarchy.ENGINE, Polynomial([[30.0]])])


def identical_pair() -> pg.RoutingGame:
    return pg.RoutingGame(Polynomial([[1.0, 0.001]]), np.zeros((1, 2)), 0.0, multiplicity=[2])


STATIC_BROKEN = {"draw": potential.arrival_order_game, "games": 20}
BATCHED = paper_cluster(1, 5, "batched")
STEEP = DecodeTime([1, 64], [5.0, 200.0])
CASES: list[tuple[str, Any, Standing]] = [
    ("variational-unique", lambda: {"game": resource.QUEUES}, FAILS),
    ("variational-unique", lambda: {"shaped": resource.CONCAVE}, HOLDS),
    ("variational-not-optimal", lambda: {"game": resource.EQUAL}, UNDECIDED),
    ("allocation-fails", lambda: {"requests": (20, 40)}, UNDECIDED),
    ("prefill-exhaustion", lambda: {"requests": 60}, UNDECIDED),
    ("coupling-oscillates", lambda: {"number": 40, "delays": (0, 0)}, UNDECIDED),
    ("caching-complete", lambda: {"demand": (1.0, 1.0)}, HOLDS),
    ("caching-line", lambda: {"positions": range(8)}, HOLDS),
    ("caching-line", lambda: {"factor": 0.5}, FAILS),
    ("caching-line-grows", lambda: {"power": 1.0}, UNDECIDED),
    ("caching-clusters", lambda: {"ratio": 2.0}, HOLDS),
    ("caching-clusters-grow", lambda: {"ratios": (1.0, 3.0)}, UNDECIDED),
    ("caching-complete-tiers", lambda: {"access": (0.0, 0.9)}, HOLDS),
    ("cache-paradox", lambda: {"rates": ((1.0, 1.0), (1.0, 1.0), (1.0, 1.0))}, UNDECIDED),
    ("cache-paradox-clusters", lambda: {"after": pg.instances.cluster_paradox(False)}, UNDECIDED),
    ("cache-paradox-double", lambda: {"inter": 2.0, "games": 5}, UNDECIDED),
    ("caching-transition", lambda: {"miss_cost": 100.0}, FAILS),
    ("caching-transition", lambda: {"multiples": (20.0, 30.0)}, UNDECIDED),
    ("caching-transition", lambda: {"multiples": (0.99, 1.5)}, UNDECIDED),
    ("potential-static", lambda: STATIC_BROKEN, HOLDS),
    ("potential-one-sided", lambda: {"draw": potential.symmetric_game, "games": 20}, FAILS),
    ("potential-one-sided", lambda: {"control": potential.arrival_order_game, "games": 20}, HOLDS),
    ("potential-factor", lambda: {"draw": potential.common_factor_game, "games": 20}, FAILS),
    ("potential-factor", lambda: {"control": potential.factor_game, "games": 20}, HOLDS),
    ("potential-symmetric", lambda: {"draw": potential.arrival_order_game, "games": 20}, FAILS),
    ("router-best-response", lambda: {"draw": lambda rng: RESTLESS, "games": 2}, FAILS),
    ("router-best-response", lambda: {"draw": no_overlap_game, "once": no_overlap_game(), "games": 20}, HOLDS),
    ("router-best-response", lambda: {"draw": no_overlap_game, "games": 20}, UNDER),
    ("router-best-response", lambda: {"once": no_overlap_game()}, UNDER),
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
    ("temperature-games", lambda: {"alike": atomic_pigou()}, UNDECIDED),
    ("temperature-some", lambda: {"temperatures": (500.0,)}, UNDECIDED),
    ("temperature-some", lambda: {"helped": pg.instances.braess(bridge=False)}, UNDECIDED),
    ("temperature-recorded", lambda: {"sweep": bent_sweep(), "grid": hot_grid(0.8)}, HOLDS),
    ("temperature-recorded", lambda: {"sweep": bent_sweep(), "grid": hot_grid(1.2)}, FAILS),
    ("temperature-recorded", lambda: {"sweep": bent_sweep()}, UNDECIDED),
    ("controller-gain", lambda: {"gain": 4.0}, FAILS),
    ("knee-second-derivative", lambda: {"latency": Polynomial([[10.0, 0.05]])}, FAILS),
    ("knee-measured", lambda: {"sweep": bent_measurements()}, HOLDS),
    ("knee-96-128", lambda: {"sweep": long_sweep(110.0)}, HOLDS),
    ("knee-96-128", lambda: {"sweep": long_sweep(32.0)}, FAILS),
    ("anarchy-at-capacity", lambda: {"alike": beside_constant(30.0)}, HOLDS),
    ("anarchy-at-capacity", lambda: {"alike": full_worker()}, FAILS),
    ("anarchy-at-capacity", lambda: {"alike": beside_constant(30.0), "constant": 8.0}, FAILS),
    ("anarchy-worst-case", lambda: {"latency": Polynomial([[10.0, 0.05]])}, FAILS),
    ("routing-loss", lambda: {"alike": beside_constant(30.0)}, HOLDS),
    ("routing-loss", lambda: {"alike": full_worker()}, FAILS),
    ("routing-loss", lambda: {"alike": beside_constant(30.0), "constant": 8.0}, FAILS),
    ("bound-nonatomic-affine", lambda: {"bound": 1.3, "games": 2}, FAILS),
    ("bound-nonatomic-affine", lambda: {"bound": 1.4, "games": 2}, UNDECIDED),
    ("bound-atomic-affine", lambda: {"bound": 2.4, "games": 2}, FAILS),
    ("bound-atomic-affine", lambda: {"bound": 2.6, "games": 2}, UNDECIDED),
    (
        "bound-atomic-polynomial",
        lambda: {"formula": lambda d: 0.99 * pg.bounds.atomic_polynomial(d).value, "games": 1},
        FAILS,
    ),
    (
        "bound-atomic-polynomial",
        lambda: {"formula": lambda d: 1.01 * pg.bounds.atomic_polynomial(d).value, "games": 1},
        UNDECIDED,
    ),
    ("bound-traffic-limits", lambda: {"network": pg.instances.unsettled_links(1, 3)}, FAILS),
    ("bound-traffic-limits", lambda: {"odd": pg.instances.braess(bridge=False)}, HOLDS),
    ("bound-with-overlap", lambda: {"gains": (0.0, 0.1)}, UNDECIDED),
    ("poa-hat-overstates", lambda: {"expected": Polynomial([[100.0]]), "uneven": identical_pair()}, HOLDS),
    ("poa-hat-overstates", lambda: {"expected": Polynomial([[100.0]])}, UNDER),
    ("poa-hat-overstates", lambda: {"uneven": identical_pair()}, UNDER),
    ("poa-hat-below-one", lambda: {"expected": Polynomial([[100.0]])}, UNDECIDED),
    ("poa-hat-one-matrix", lambda: {"odd": np.ones((2, 2))}, HOLDS),
    ("poa-hat-one-matrix", lambda: {"odd": np.ones((2, 2)), "limit": 1.01}, UNDER),
    ("poa-hat-invariance", lambda: {"sweep": bent_sweep()}, FAILS),
    ("poa-hat-invariance", lambda: {"sweep": bent_sweep(), "grid": uneven_grid()}, HOLDS),
    ("numbers-agree", lambda: {"plateau_variation": 0.01}, HOLDS),
    ("pools-saturate-apart", lambda: {"cluster": BATCHED, "seeds": range(1)}, FAILS),
    ("regimes-simulated", lambda: {"cluster": BATCHED, "seeds": range(1)}, FAILS),
    ("settings-agree", lambda: {"cluster": cluster_of("3A"), "clients": 96, "seeds": range(2)}, FAILS),
    (
        "settings-part",
        lambda: {"cluster": replace(paper_cluster(1, 2, "batched"), decode_time=STEEP), "seeds": range(2)},
        UNDER,
    ),
    ("prefill-bound", lambda: {"new_tokens": 4096, "seeds": range(1)}, FAILS),
    (
        "controller-simulated",
        lambda: {"cluster": replace(BATCHED, decode_time=STEEP), "static": CacheAffinity(), "seeds": range(1)},
        UNDER,
    ),
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
    is_code(verdict)


def test_every_claim_that_computes_has_a_mutation() -> None:
    still = {claim.id for claim in paper.claims()} - {name for name, _, _ in CASES}
    published = {"growth-past-knee", "controller-throughput", "controller-ttft", "controller-two-decoders"}
    unseen = {"pools", "queueing-two", "three-regimes", "latency-shape"}
    assert still == published | unseen
    assert all(CLAIMS[name].check().verdict is UNDECIDED for name in still)


def test_the_complete_graph_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "complete_graph", lambda n, cost, demand=1.0: caching.line(np.arange(n), n - 1.0))
    assert CLAIMS["caching-complete"].check().verdict is FAILS


def test_a_formula_of_clusters_that_no_game_has_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    original = caching_clusters.caching_clusters
    monkeypatch.setattr(caching_clusters, "caching_clusters", lambda m, g, ratio: original(m, g, 2 * ratio))
    assert CLAIMS["caching-clusters"].check().verdict is UNDECIDED


def test_greedy_above_the_spread_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof's inequality is looked at for every matrix."""
    monkeypatch.setattr(estimator, "greedy_ratio", lambda costs, slots: 1.1 * costs.max() / costs.min())
    assert CLAIMS["poa-hat-one-matrix"].check().verdict is FAILS


def test_an_index_without_slots_below_the_price_of_anarchy_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimator, "free_index", lambda game, realised: 0.5)
    assert CLAIMS["poa-hat-overstates"].check().verdict is FAILS


def test_an_unattained_worst_case_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    original = anarchy.anarchy_value

    def larger(latency: Latency, load: float) -> pg.PoaBound:
        found = original(latency, load)
        return dataclasses.replace(found, value=1.1 * found.value)

    monkeypatch.setattr(anarchy, "anarchy_value", larger)
    assert CLAIMS["anarchy-worst-case"].check().verdict is UNDECIDED


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
