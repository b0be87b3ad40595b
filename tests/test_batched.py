"""Many games at once: the same answers as one by one, and a certificate that agrees with the single one."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from poagame import batched
from poagame.certificates.batched import certify_batch
from poagame.certificates.nash import certify_nash
from poagame.errors import InvalidInput
from poagame.games.routing import RoutingGame
from poagame.latency import BPR, MM1, Latency, Polynomial, Saturating, Tabulated
from poagame.outcome import Outcome
from poagame.solvers.best_response import equilibrium

B, N, W = 37, 6, 3


def latency_of(family: str, rng: np.random.Generator, resources: int) -> Latency:
    u = rng.uniform(0.1, 2.0, (4, resources))
    if family == "saturating":
        return Saturating(u[0], u[1], u[2], rng.uniform(N / W + 1.0, N + 2.0, resources))
    if family == "tabulated":
        return Tabulated(np.arange(4.0), np.cumsum(rng.uniform(0.0, 2.0, (resources, 4)), axis=1))
    if family == "composed":
        return 0.5 * BPR(u[0], 1.0 + u[1], u[2], 1.0 + u[3]).preloaded(u[3]) + Polynomial(u.T) + 0.25
    return Polynomial(u[:2].T)


def games_of(family: str, kind: str, seed: int = 0) -> list[RoutingGame]:
    rng = np.random.default_rng(seed)
    games = []
    for _ in range(B):
        affinity, weight = None, None
        if kind == "affinity":
            affinity = rng.uniform(-1.0, 2.0, (N, N))
            affinity = affinity + affinity.T
        if kind == "arrival_order":
            affinity = rng.uniform(-1.0, 2.0, (N, N))
        if kind == "weighted":
            weight = rng.uniform(0.5, 3.0, N)
        affinity_kind = "arrival_order" if kind == "arrival_order" else "symmetric"
        overlap = rng.uniform(0.0, 4.0, (N, W))
        games.append(
            RoutingGame(latency_of(family, rng, W), overlap, rng.uniform(0.0, 1.0), affinity, affinity_kind, weight)
        )
    return games


CASES = [
    ("affine", "static"),
    ("saturating", "static"),
    ("tabulated", "static"),
    ("composed", "static"),
    ("affine", "affinity"),
    ("affine", "weighted"),
]


@pytest.mark.parametrize(("family", "kind"), [case for case in CASES if case[0] != "saturating"])
def test_batched_equals_singles(family: str, kind: str) -> None:
    games = games_of(family, kind)
    start = np.random.default_rng(1).integers(0, W, (B, N))
    for begins in (None, start):
        batch = batched.best_response(games, begins)
        assert batch.converged.all()
        assert len(batch) == B
        for b, game in enumerate(games):
            single = equilibrium(game, start=None if begins is None else begins[b])
            np.testing.assert_array_equal(batch.profiles[b], single.profile)
            assert batch.social_cost[b] == pytest.approx(single.social_cost, rel=1e-13)
            assert single.outcome is Outcome.CONVERGED
    assert batch.profiles.dtype == np.int64


@pytest.mark.parametrize(("family", "kind"), [*CASES, ("affine", "arrival_order")])
def test_the_batch_certificate_is_the_single_one_anywhere(family: str, kind: str) -> None:
    games = games_of(family, kind, seed=4)
    profiles = np.random.default_rng(2).integers(0, W, (B, N))
    found = certify_batch(batched.stack(games), profiles)
    assert (found.max_regret > 0.1).any()
    for b, game in enumerate(games):
        single = certify_nash(game, profiles[b])
        assert found.max_regret[b] == pytest.approx(single.max_regret, rel=1e-12, abs=1e-12)
        assert found.social_cost[b] == pytest.approx(game.social_cost(profiles[b]), rel=1e-12)
        assert found.holds[b] == single.holds


def test_an_infinite_cost_is_an_infinite_regret() -> None:
    game = RoutingGame(MM1([3.0, 2.5]), np.zeros((4, 2)))
    found = certify_batch(batched.stack([game]), np.zeros((1, 4), np.int64))
    assert found.max_regret[0] == np.inf
    assert not found.holds[0]
    end = batched.best_response([game], np.zeros(4))
    np.testing.assert_array_equal(game.loads(end.profiles[0]), [2.0, 2.0])


def test_chunks_and_bursts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    games = games_of("affine", "weighted", seed=3)
    whole = batched.best_response(games, np.zeros(N))
    monkeypatch.setattr("poagame.batched.routing._CHUNK_BYTES", 8 * N * W * 8)
    monkeypatch.setattr("poagame.batched.routing._BURST", 1)
    parts = batched.best_response(games, np.zeros(N))
    np.testing.assert_array_equal(whole.profiles, parts.profiles)
    assert whole.num_rounds == parts.num_rounds > 2


@pytest.mark.parametrize("shared", [True, False])
def test_a_batch_without_a_loop_is_the_stack_of_its_games(shared: bool) -> None:
    rng = np.random.default_rng(8)
    overlap, omega = rng.uniform(0.0, 4.0, (B, N, W)), rng.uniform(0.0, 1.0, B)
    affinity, weight = rng.uniform(0.0, 1.0, (B, N, N)), rng.uniform(0.5, 2.0, (B, N))
    u = rng.uniform(0.1, 1.0, (W if shared else B * W, 2))
    batch = batched.routing_games(Polynomial(u) + 0.5, overlap, omega, affinity, "arrival_order", weight)
    each = [u if shared else u[b * W : (b + 1) * W] for b in range(B)]
    stacked = batched.stack(
        [
            RoutingGame(Polynomial(each[b]) + 0.5, overlap[b], omega[b], affinity[b], "arrival_order", weight[b])
            for b in range(B)
        ]
    )
    assert jax.tree.structure(batch) == jax.tree.structure(stacked)
    for ours, theirs in zip(jax.tree.leaves(batch), jax.tree.leaves(stacked), strict=True):
        np.testing.assert_array_equal(ours, np.broadcast_to(theirs, ours.shape))


def test_a_latency_of_one_resource_serves_all() -> None:
    overlap = np.random.default_rng(8).uniform(0.0, 4.0, (B, N, W))
    one, all_workers = Polynomial([[0.5, 1.0]]), Polynomial([[0.5, 1.0]] * W)
    ends = [batched.best_response(batched.routing_games(latency, overlap)) for latency in (one, all_workers)]
    np.testing.assert_array_equal(ends[0].profiles, ends[1].profiles)


def test_games_without_an_equilibrium_are_marked_and_the_others_solved() -> None:
    affinity = [[0.0, 0.0, 0.0], [6.0, 0.0, 0.0], [1.0, 5.0, 0.0]]
    overlap = [[2.0, 2.0, 0.0], [3.0, 2.0, 1.0], [0.0, 0.0, 3.0]]
    latency = Polynomial([[3.0, 2.0], [0.0, 3.0], [2.0, 0.0]])
    restless, calm = (RoutingGame(latency, overlap, 1.0, np.multiply(affinity, a), "arrival_order") for a in (1.0, 0.0))
    batch = batched.best_response([calm, restless, calm], max_rounds=40)
    np.testing.assert_array_equal(batch.converged, [True, False, True])
    assert batch.max_regret[1] > 0.5
    assert batch.num_rounds == 40
    np.testing.assert_array_equal(batch.profiles[0], equilibrium(calm).profile)
    assert "2 of 3 games" in str(batch)


def test_bits_do_not_depend_on_the_jax_setting_and_none_changes() -> None:
    games, before, ends = games_of("affine", "weighted"), dict(jax.config.values), []
    for setting in (False, True):
        with jax.enable_x64(setting):
            ends.append(batched.best_response(games))
    assert ends[0].profiles.tobytes() == ends[1].profiles.tobytes()
    assert ends[0].social_cost.tobytes() == ends[1].social_cost.tobytes()
    assert dict(jax.config.values) == before


def test_games_that_do_not_fit_together_are_refused() -> None:
    static, affine = games_of("affine", "static"), Polynomial([[0.0, 1.0]] * W)
    for other in (
        RoutingGame(affine, np.zeros((N + 1, W))),
        RoutingGame(latency_of("saturating", np.random.default_rng(0), W), np.zeros((N, W))),
        RoutingGame(affine, np.zeros((N, W)), affinity=np.zeros((N, N))),
    ):
        with pytest.raises(InvalidInput, match="game 1 differs from game 0"):
            batched.stack([static[0], other])
    with pytest.raises(InvalidInput, match="multiplicity"):
        batched.stack([RoutingGame(affine, np.zeros((2, W)), multiplicity=[3, 3])])
    with pytest.raises(InvalidInput, match="at least one"):
        batched.best_response([])
    with pytest.raises(InvalidInput, match="single game"):
        batched.best_response(static[0])
    with pytest.raises(InvalidInput, match="batch"):
        equilibrium(batched.stack(static))


def test_weights_of_some_games_are_ones_in_the_others() -> None:
    affine = Polynomial([[0.0, 1.0]] * W)
    games = [
        RoutingGame(affine, np.zeros((N, W))),
        RoutingGame(affine, np.zeros((N, W)), request_weight=np.arange(1.0, N + 1)),
    ]
    batch = batched.best_response(games)
    for b, game in enumerate(games):
        assert batch.social_cost[b] == game.social_cost(batch.profiles[b])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latency": Polynomial([[0.0, 1.0]] * (W + 1))}, "resources"),
        ({"overlap": np.zeros((N, W))}, "games, requests, workers"),
        ({"overlap": np.full((B, N, W), np.nan)}, "finite"),
        ({"overlap_weight": -1.0}, "overlap_weight"),
        ({"overlap_weight": np.ones(B + 1)}, "overlap_weight"),
        ({"affinity": np.zeros((N, N))}, "affinity must be"),
        ({"affinity": np.arange(float(B * N * N)).reshape(B, N, N)}, "symmetric"),
        ({"affinity_kind": "mutual"}, "affinity_kind"),
        ({"request_weight": np.zeros(N)}, "positive"),
        ({"request_weight": np.ones(N + 1)}, "request_weight must be"),
    ],
)
def test_bad_batches_are_refused(change: dict, message: str) -> None:
    given = {"latency": Polynomial([[0.0, 1.0]] * W), "overlap": np.zeros((B, N, W))} | change
    with pytest.raises(InvalidInput, match=message):
        batched.routing_games(**given)


@pytest.mark.parametrize("start", [np.zeros(N + 1), np.full(N, W), np.full(N, 0.5), np.full((B, N), -1)])
def test_starts_are_checked(start: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="start"):
        batched.best_response(games_of("affine", "static"), start)


def test_requests_that_cannot_fit_are_refused_by_game() -> None:
    games = [RoutingGame(MM1([c, 2.5]), np.zeros((5, 2))) for c in (9.0, 3.0)]
    with pytest.raises(InvalidInput, match=r"game 1: a total load of 5 does not fit"):
        batched.best_response(games)
