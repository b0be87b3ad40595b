"""Dynamo's two rules against hand numbers, a plain transcription, their laws, and the simulator's compiled router."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy.stats import chisquare

from poagame.errors import InvalidInput
from poagame.serving import ClosedLoop, Cluster, DecodeTime, DynamoRouter, PrefillTime, Prompts, Workload
from poagame.serving.engine.route_compiled import choose
from poagame.serving.engine.state import BOTH, DECODE, PREFILL, Given, Router, State, fresh
from poagame.serving.policies import encode
from poagame.serving.router import Leg
from poagame.serving.router_1x import DynamoRouter1
from poagame.serving.simulate import compiled, simulated

BLOCKS = st.integers(0, 4000).map(lambda tokens: tokens / 16)
COSTS = st.lists(BLOCKS, min_size=1, max_size=8)
HEATS = st.sampled_from([0.05, 0.3, 0.5, 0.7, 1.0, 4.0])
WEIGHTS = st.sampled_from([0.0, 0.5, 1.0, 2.0])


def transcribed(costs: Sequence[float], temperature: float) -> list[float]:
    """The softmax of the router, one worker at a time."""
    low, high = min(costs), max(costs)
    if temperature == 0:
        return [(1 / costs.count(low) if cost == low else 0.0) for cost in costs]
    if low == high:
        return [1 / len(costs) for _ in costs]
    weights = [math.exp(-(cost - low) / (high - low) / temperature) for cost in costs]
    return [weight / sum(weights) for weight in weights]


@pytest.mark.parametrize(
    ("leg", "expected"), [("aggregated", [17.0, 18.5]), ("prefill", [12.0, 1.5]), ("decode", [5.0, 17.0])]
)
def test_costs_of_each_leg_by_hand(leg: Leg, expected: list[float]) -> None:
    # 128 and 16 tokens wait at weight 1.5: 8 and 1 blocks
    assert DynamoRouter(1.5).logits([8.0, 1.0], [5.0, 17.0], leg).tolist() == expected


@pytest.mark.parametrize(
    ("leg", "expected"), [("aggregated", [16.0, 17.0]), ("prefill", [11.0, 0.0]), ("decode", [5.0, 17.0])]
)
def test_costs_of_each_leg_of_1x_by_hand(leg: Leg, expected: list[float]) -> None:
    # 2 · max(0, 8 − 0.625 · 4) = 11, and 2 · max(0, 1 − 0.625 · 4) = 0
    router = DynamoRouter1(prefill_load_scale=2.0, overlap_score_credit=0.625)
    assert router.logits([8.0, 1.0], [4.0, 4.0], [5.0, 17.0], leg).tolist() == expected


@given(data=st.data(), weight=WEIGHTS)
def test_1x_with_credit_1_is_090(data: st.DataObject, weight: float) -> None:
    num_workers = data.draw(st.integers(1, 6))
    several = st.lists(BLOCKS, min_size=num_workers, max_size=num_workers)
    prefill, overlap, decode = (np.array(data.draw(several)) for _ in range(3))
    leg: Leg = data.draw(st.sampled_from(["aggregated", "prefill", "decode"]))
    old = DynamoRouter(weight).logits(prefill, decode, leg)
    new = DynamoRouter1(weight, 1.0).logits(prefill + overlap, overlap, decode, leg)
    assert new.tolist() == old.tolist()
    without = DynamoRouter1(weight, 0.0).logits(prefill + overlap, overlap, decode, leg)
    assert without.tolist() == DynamoRouter(weight).logits(prefill + overlap, decode, leg).tolist()


@given(costs=COSTS, temperature=st.one_of(st.just(0.0), HEATS))
@example(costs=[3.0, 3.0, 4.0], temperature=0.0)
@example(costs=[3.0, 3.0, 3.0], temperature=0.5)
def test_probabilities_are_the_transcribed_ones(costs: list[float], temperature: float) -> None:
    for router in (DynamoRouter(1.0, temperature), DynamoRouter1(1.0, 1.0, temperature)):
        assert router.probabilities(costs).tolist() == pytest.approx(transcribed(costs, temperature), rel=1e-12)


@given(low=BLOCKS, gap=st.floats(1e-3, 1e6), temperature=HEATS)
@example(low=0.0, gap=5.0, temperature=0.5)
def test_of_two_workers_the_gap_does_not_matter(low: float, gap: float, temperature: float) -> None:
    worse, better = DynamoRouter(temperature=temperature).probabilities([low + gap, low])
    assert better == pytest.approx(1.0 / (1.0 + math.exp(-1.0 / temperature)), rel=1e-12)
    assert worse + better == pytest.approx(1.0, rel=1e-12)


@given(costs=COSTS, temperature=HEATS, scale=st.sampled_from([0.25, 2.0, 1024.0]), shift=st.integers(0, 100))
def test_scale_and_shift_do_not_matter(costs: list[float], temperature: float, scale: float, shift: int) -> None:
    router = DynamoRouter(temperature=temperature)
    moved = scale * np.array(costs) + shift  # exact in binary, so that ties stay ties
    assert router.probabilities(moved).tolist() == pytest.approx(router.probabilities(costs).tolist(), rel=1e-12)


def test_decisions_are_apart_and_extremes_are_limits() -> None:
    costs = np.array([[[1.0, 2.0, 9.0]], [[4.0, 4.0, 4.0]]])
    router = DynamoRouter(temperature=0.7)
    together = router.probabilities(costs)
    assert together.shape == costs.shape
    for place in np.ndindex(2, 1):
        assert together[place].tolist() == router.probabilities(costs[place]).tolist()
    assert DynamoRouter(temperature=5e-324).probabilities([1.0, 2.0]).tolist() == [1.0, 0.0]
    assert DynamoRouter(temperature=1e300).probabilities([1.0, 2.0]).tolist() == [0.5, 0.5]
    assert DynamoRouter(temperature=1.0).probabilities([7.0]).tolist() == [1.0]


def test_ties_go_to_the_smallest_tree_then_to_any() -> None:
    rng = np.random.default_rng(0)
    router = DynamoRouter()
    costs, trees = [5.0, 4.0, 4.0, 4.0], [0.0, 30.0, 20.0, 20.0]
    taken = [router.choose(costs, rng, trees) for _ in range(400)]
    assert chisquare(np.bincount(taken, minlength=4)[2:]).pvalue > 0.01
    assert set(taken) == {2, 3}
    assert {router.choose(costs, rng, [9.0, 1.0, 2.0, 3.0]) for _ in range(20)} == {1}
    for any_tie in (DynamoRouter(), DynamoRouter1()):
        taken = [any_tie.choose(costs, rng) for _ in range(600)]
        assert set(taken) == {1, 2, 3}
        assert chisquare(np.bincount(taken, minlength=4)[1:]).pvalue > 0.01
    assert {DynamoRouter().choose([2.0, 1.0], rng, [0.0, 99.0]) for _ in range(20)} == {1}  # a tree decides ties only


@pytest.mark.parametrize("router", [DynamoRouter(1.0, 0.7), DynamoRouter1(1.0, 1.0, 0.7)])
def test_choices_have_their_probabilities(router: DynamoRouter | DynamoRouter1) -> None:
    rng = np.random.default_rng(1)
    costs = [3.0, 11.0, 4.0, 6.0]
    taken = np.bincount([router.choose(costs, rng) for _ in range(4000)], minlength=4)
    assert chisquare(taken, 4000 * np.array(transcribed(costs, 0.7))).pvalue > 0.01
    flat = 4000 * np.array(transcribed(costs, 0.9))  # and the test would see a wrong temperature
    assert chisquare(taken, flat).pvalue < 1e-4


def refused(call: Callable[[], Any], match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        call()


@pytest.mark.parametrize("name", ["overlap_weight", "temperature"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), "1", None, True])
def test_impossible_parameters_of_090(name: str, value: Any) -> None:
    refused(lambda: DynamoRouter(**{name: value}), name)


@pytest.mark.parametrize("name", ["prefill_load_scale", "overlap_score_credit", "temperature"])
@pytest.mark.parametrize("value", [-0.5, float("nan"), "much"])
def test_impossible_parameters_of_1x(name: str, value: Any) -> None:
    refused(lambda: DynamoRouter1(**{name: value}), name)


@pytest.mark.parametrize(
    ("prefill", "decode", "leg", "match"),
    [
        ([1.0, 2.0], [1.0, 2.0], "both", "leg is 'aggregated', 'prefill', 'decode'"),
        ([1.0, -2.0], [1.0, 2.0], "decode", "at least 0; the smallest is -2"),
        ([1.0, 2.0], [1.0, float("nan")], "decode", "decode_blocks must be finite"),
        ([1.0, 2.0], [1.0], "decode", "same workers"),
        (np.ones((3, 2)), np.ones((2, 2)), "decode", "same workers"),
        ([], [], "decode", r"\[\.\.\., W\]"),
        (1.0, 1.0, "decode", r"\[\.\.\., W\]"),
        (["many"], [1.0], "decode", "array of numbers"),
    ],
)
def test_impossible_blocks(prefill: ArrayLike, decode: ArrayLike, leg: Any, match: str) -> None:
    refused(lambda: DynamoRouter().logits(prefill, decode, leg), match)
    refused(lambda: DynamoRouter1().logits(prefill, np.zeros(np.shape(decode)), decode, leg), match)


def test_impossible_logits() -> None:
    rng = np.random.default_rng(0)
    for router in (DynamoRouter(), DynamoRouter(1.0, 0.5), DynamoRouter1()):
        refused(lambda r=router: r.probabilities([]), "logits are")
        refused(lambda r=router: r.probabilities([1.0, float("inf")]), "finite")
        refused(lambda r=router: r.probabilities([-1e308, 1e308]), "further apart")
        refused(lambda r=router: r.choose([[1.0, 2.0]], rng), "one decision")
    refused(lambda: DynamoRouter().choose([1.0, 1.0], rng, [1.0]), "tree_size")


# The simulator has a router of its own, compiled. Below, both look at the same cluster.


def workload(num_requests: int, clients: int) -> Workload:
    prompts = Prompts.templates(num_requests, groups=3, shared_tokens=64, input_tokens=100, output_tokens=20)
    return Workload(prompts, ClosedLoop.steady(clients))


def times() -> dict[str, Any]:
    return {"prefill_time": PrefillTime.constant(20.0), "decode_time": DecodeTime.constant(9.0)}


@pytest.mark.parametrize("shape", [{"prefill": 2, "decode": 4}, {"aggregated": 4}])
def test_a_simulation_takes_the_least_cost_at_temperature_0(shape: dict[str, int]) -> None:
    cluster = Cluster(**shape, **times())
    cold = simulated(cluster, workload(400, 24), DynamoRouter(), seed=1)[1].chosen_cost
    assert np.isfinite(cold).all()
    assert (cold[:, 0] == cold[:, 1]).all()
    assert np.unique(cold[:, 1]).size > 10
    warm = simulated(cluster, workload(400, 24), DynamoRouter(1.0, 1.0), seed=1)[1].chosen_cost
    assert (warm[:, 0] >= warm[:, 1]).all()
    assert (warm[:, 0] > warm[:, 1]).mean() > 0.2


def busy(cluster: Cluster, router: DynamoRouter, seed: int) -> tuple[Given, State, Router]:
    """A cluster whose workers hold and cache something, and a request, number 0, to be placed."""
    encoded = encode(router)
    given = compiled(cluster, workload(20, 4), encoded)
    state = fresh(given, seed)
    rng = np.random.default_rng(seed)
    state.waiting_tokens[:] = rng.integers(0, 300, state.waiting_tokens.size)
    state.routed_blocks[:] = rng.integers(0, 40, state.routed_blocks.size)
    state.held[:, given.pattern[0]] = rng.integers(0, 5, len(state.held))  # of 4 shared blocks
    state.routed_uses[::2, given.pattern[0]] = 1  # there the shared blocks are active already
    state.tree[:] = rng.integers(0, 3, state.tree.size)
    return given, state, Router(np.array([encoded.code]), encoded.values)


def seen(state: State, segment: int, workers: slice) -> tuple[list[float], list[float]]:
    """Prefill and decode blocks of the workers if a prompt of 100 tokens, 64 of them shared, went there; blocks of 16."""
    prefill, decode = [], []
    for worker in range(len(state.held))[workers]:
        prefill.append((state.waiting_tokens[worker] + 100 - 16 * state.held[worker, segment]) / 16)
        own, shared = 7 - 4, 0 if state.routed_uses[worker, segment] else 4
        decode.append(float(state.routed_blocks[worker] + own + shared))
    return prefill, decode


SIMULATED: list[tuple[dict[str, int], int, Leg, slice]] = [
    ({"prefill": 5, "decode": 1}, PREFILL, "prefill", slice(0, 5)),
    ({"prefill": 1, "decode": 5}, DECODE, "decode", slice(1, 6)),
    ({"aggregated": 5}, BOTH, "aggregated", slice(0, 5)),
]


@pytest.mark.parametrize(("shape", "role", "leg", "workers"), SIMULATED)
def test_the_simulator_s_costs_and_choices_are_the_router_s(
    shape: dict[str, int], role: int, leg: Leg, workers: slice
) -> None:
    router = DynamoRouter(2.0, 0.6)
    given, state, place = busy(Cluster(**shape, **times()), router, seed=4)
    costs = router.logits(*seen(state, given.pattern[0], workers), leg)
    assert np.unique(costs).size == 5
    taken = np.array([choose(given, state, place, 0, role) for _ in range(4000)]) - workers.start
    assert state.costs[:5].tolist() == costs.tolist()
    assert chisquare(np.bincount(taken, minlength=5), 4000 * router.probabilities(costs)).pvalue > 0.01


def test_the_simulator_breaks_ties_as_the_router_does() -> None:
    router = DynamoRouter(0.0, 0.0)
    given, state, place = busy(Cluster(aggregated=5, **times()), router, seed=2)
    state.routed_blocks[:] = [9, 5, 9, 5, 5]
    state.routed_uses[:] = 0
    state.tree[:] = [0, 8, 0, 3, 3]
    costs = router.logits(*seen(state, given.pattern[0], slice(0, 5)))
    rng = np.random.default_rng(0)
    ours = np.bincount([router.choose(costs, rng, state.tree) for _ in range(600)], minlength=5)
    theirs = np.bincount([choose(given, state, place, 0, BOTH) for _ in range(600)], minlength=5)
    for counts in (ours, theirs):
        assert counts[:3].tolist() == [0, 0, 0]
        assert chisquare(counts[3:]).pvalue > 0.01
