"""Steps, orbits and joint equilibria: replayed by repetition, and certified layer by layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from poagame.certificates.coupled import certify_coupled
from poagame.certificates.nash import certify_nash
from poagame.errors import InvalidInput
from poagame.games.coupled import LAYERS, CoupledGame, CoupledState
from poagame.games.serving_cluster import PlannerChoice, ServingCluster, coupled_serving
from poagame.outcome import Outcome
from poagame.solvers.coupled import Response, joint_equilibrium, orbit, step


def cluster(seed: int) -> ServingCluster:
    rng = np.random.default_rng(seed)
    return ServingCluster(
        int(rng.integers(3, 6)),
        rng.integers(1, 4, 2).tolist(),
        lambda n: 4.0 + np.minimum(np.asarray(n) ** 2.0, 30.0),
        20.0,
        float(rng.uniform(1, 60)),
        float(rng.uniform(0, 120)),
        float(rng.uniform(0, 60)),
        1,
        float(rng.choice([0, 1, 5])),
        float(rng.uniform(20, 300)),
        float(rng.uniform(5, 20)),
    )


def swinging(number: int = 3) -> CoupledGame:
    """The Planner wants the split that stands the farthest from where it is: with a step it goes back and forth."""
    base = ServingCluster(number + 1, [2], lambda n: 1.0 + n, 1.0)
    game = coupled_serving(base)

    def away(state: CoupledState) -> PlannerChoice:
        here = base.splits.index(state.split)
        goal = 0 if here else len(base.splits) - 1
        return PlannerChoice(tuple(base.splits), np.abs(np.arange(len(base.splits), dtype=np.float64) - goal))

    return replace(game, resource=away)


RESPONSES = [
    Response(planner="fixed"),
    Response(planner="step"),
    Response(planner="best", order=("resource", "caching", "routing")),
    Response(planner="step", delay={"resource": 2, "routing": 1}),
]


@pytest.mark.parametrize("how", RESPONSES)
@pytest.mark.parametrize("seed", range(4))
def test_orbits_are_repeated_steps_and_their_periods_the_least(seed: int, how: Response) -> None:
    served = cluster(seed)
    game, states = coupled_serving(served), [served.start()]
    for _ in range(16):
        states.append(step(game, states[-1], how, states[:-1]))
    found = orbit(game, served.start(), 16, how)
    assert list(found.states) == states[: len(found.states)]
    np.testing.assert_allclose(found.cost, [game.social_cost(s) for s in found.states], rtol=0)
    assert found.period >= 1
    tail = states[found.transient :]
    periods = [k for k in range(1, len(tail)) if all(a == b for a, b in zip(tail, tail[k:], strict=False))]
    assert periods[0] == found.period


@pytest.mark.parametrize("seed", range(8))
def test_where_all_layers_settle_each_is_certified(seed: int) -> None:
    served = cluster(seed)
    game = coupled_serving(served)
    found = joint_equilibrium(game, served.start(), Response(planner="best"))
    assert found.outcome is Outcome.CONVERGED
    for name in LAYERS:
        assert certify_nash(game.layer(name, found.state), game.profile(name, found.state)).holds
    assert step(game, found.state, Response(planner="best")) == found.state
    assert found.social_cost == pytest.approx(game.social_cost(found.state), rel=1e-12)


def test_a_certificate_says_which_layer_is_not_in_equilibrium() -> None:
    served = ServingCluster(3, [4, 4], lambda n: 6.0 + n, 10.0, places=1)
    crowded = CoupledState((1, 2), np.eye(2, dtype=np.int64), np.zeros(8, int))
    certificate = certify_coupled(coupled_serving(served), crowded)
    assert "routing" in certificate.unstable
    assert not certificate.holds
    game = coupled_serving(served)
    costs = game.layer("routing", crowded).action_costs(crowded.routing)
    assert certificate.max_regret["routing"] == pytest.approx(float((costs[:, 0] - costs.min(axis=1)).max()))


def test_a_planner_that_always_wants_to_be_elsewhere_cycles_and_regrets_are_averaged() -> None:
    game = swinging(3)
    start = ServingCluster(4, [2], lambda n: 1.0 + n, 1.0).start((1, 3))
    found = joint_equilibrium(game, start, Response(planner="step"))
    assert sorted(s.split for s in found.states) == [(1, 3), (2, 2)]
    assert found.outcome is Outcome.CYCLE_FOUND
    # at the first split the farthest is two away, at the second one
    assert found.mean_regret["resource"] == pytest.approx((2.0 + 1.0) / 2)
    assert found.social_cost == pytest.approx(np.mean([game.social_cost(s) for s in found.states]))


@pytest.mark.parametrize(("delay", "split"), [(0, (1, 3)), (1, (2, 2)), (2, (3, 1)), (9, (3, 1))])
def test_a_late_planner_sees_what_routing_was(delay: int, split: tuple[int, int]) -> None:
    # so many requests at worker 0, so many prefill workers more than one; before the first state there is only that
    game, served = swinging(3), ServingCluster(4, [2], lambda n: 1.0 + n, 1.0)
    game = replace(game, resource=_by_requests_at_first)
    start = served.start((2, 2))
    past = [replace(start, routing=np.array(r)) for r in ([0, 0], [0, 1], [1, 1])]
    how = Response(("resource",), "best", {"resource": delay})
    assert step(game, past[-1], how, past[:-1]).split == split


def _by_requests_at_first(state: CoupledState) -> PlannerChoice:
    splits = ((1, 3), (2, 2), (3, 1))
    crowd = int((state.routing == 0).sum())
    return PlannerChoice(splits, np.abs(np.arange(3.0) - crowd))


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: Response(order=("routing", "routing")), "once a step"),
        (lambda: Response(order=("memory",)), "layers are"),  # pyright: ignore[reportArgumentType]
        (lambda: Response(planner="often"), "planner is"),  # pyright: ignore[reportArgumentType]
        (lambda: Response(delay={"resource": -1}), "at least 0"),
        (lambda: Response(delay=3), "delay is a mapping"),  # pyright: ignore[reportArgumentType]
        (lambda: Response(order=None), "order lists layers"),  # pyright: ignore[reportArgumentType]
        (lambda: orbit(coupled_serving(cluster(0)), 3), "CoupledState"),  # pyright: ignore[reportArgumentType]
        (lambda: orbit(coupled_serving(cluster(0)), cluster(0).start(), 0), "at least 1"),
    ],
)
def test_refused(build: Any, match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        build()


def test_a_social_cost_that_is_no_number_is_refused() -> None:
    game = replace(coupled_serving(cluster(0)), social_cost=lambda state: float("nan"))
    with pytest.raises(InvalidInput, match="NaN"):
        joint_equilibrium(game, cluster(0).start())


class Pools:
    """A resource layer of two players."""

    num_players = 2
    num_actions = 1

    def action_costs(self, profile: ArrayLike) -> Any:
        return np.zeros((2, 1))

    def social_cost(self, profile: ArrayLike) -> float:
        return 0.0

    def split_of(self, profile: ArrayLike) -> tuple[int, int]:
        return (1, 2)

    def profile_of(self, split: tuple[int, int]) -> Any:
        return np.zeros(2, dtype=np.int64)


def test_pools_have_no_planner() -> None:
    served = ServingCluster(3, [2], lambda n: 1.0 + n, 1.0)
    game = replace(coupled_serving(served), resource=lambda state: Pools())
    with pytest.raises(InvalidInput, match="one player"):
        step(game, served.start(), Response(planner="best"))
    assert step(game, served.start(), Response(planner="fixed")).split == (1, 2)
