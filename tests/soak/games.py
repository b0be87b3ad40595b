"""Games made to break solvers: ties, zeros, doubled actions, scales of 10^±12; exact solvers beside brute force over all profiles."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

import poagame as pg
from poagame.errors import NoEquilibrium, PoagameError, UndefinedRatio


def soak_games(cases: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Outcomes by kind of game, and a report a difference."""
    rng = np.random.default_rng(seed)
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    for case in range(cases):
        kind, make = KINDS[case % len(KINDS)]
        game, costs = make(rng)
        found = _differs(game, costs)
        outcomes[f"{kind}: {'same' if found is None else 'DIFFERENT'}"] += 1
        if found is not None:
            wrong.append(f"{kind}, case {case}, seed {seed}: {found}\n{game!r:.2000}")
    return outcomes, wrong


def _differs(game: Any, costs: np.ndarray) -> str | None:
    """Compare with costs [N, A, …, A] of all profiles."""
    stable, social = _brute_force(costs)
    equilibria = {tuple(p) for p in np.argwhere(stable).tolist()}
    try:
        found = pg.equilibria(game)
    except PoagameError as error:
        return f"equilibria raised {error!r:.200}"
    listed = {tuple(profile) for profile in found.profiles.tolist()}
    if not listed <= equilibria or found.count != len(equilibria):
        return f"equilibria {sorted(listed)} stand for {found.count}; by brute force {sorted(equilibria)}"
    least = social[np.isfinite(social)].min()
    try:
        report = pg.price_of_anarchy(game)
    except NoEquilibrium:
        return None if not equilibria else "no equilibrium was found"
    except UndefinedRatio:
        return (
            None
            if least <= 1e-9 * np.abs(costs[np.isfinite(costs)]).max()
            else f"the optimum {least:g} is no denominator"
        )
    if not report.exact:
        return "not exact"
    values = social[stable]
    for name, value, expected in (
        ("worst", report.worst.social_cost, values.max()),
        ("best", report.best.social_cost, values.min()),
        ("optimum", report.optimum.social_cost, least),
    ):
        if abs(value - expected) > 1e-9 * max(abs(expected), np.abs(values).max()):
            return f"{name} {value!r}, by brute force {expected!r}"
    return None


def _brute_force(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    players = len(costs)
    stable = np.ones(costs.shape[1:], dtype=bool)
    for i in range(players):
        best = costs[i].min(axis=i, keepdims=True)
        room = 1e-10 * np.maximum(np.abs(costs[i]), np.abs(best))
        with np.errstate(invalid="ignore"):
            stable &= np.isfinite(costs[i]) & (costs[i] - best <= room)
    return stable, costs.sum(axis=0)


def _scale(rng: np.random.Generator) -> float:
    return float(10.0 ** rng.choice([-12, -6, 0, 0, 0, 6, 12]))


def _numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Small whole numbers, so that ties are many and exact; sometimes all equal, sometimes all zero."""
    top = int(rng.choice([1, 2, 3, 10]))
    return rng.integers(0, top, shape).astype(np.float64)


def normal_form(rng: np.random.Generator) -> tuple[pg.NormalFormGame, np.ndarray]:
    players, actions = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    costs = _numbers(rng, (players,) + (actions,) * players) + float(rng.choice([0.0, 1.0]))
    if actions > 1 and rng.random() < 0.5:  # the last action doubles the first, for all players
        costs = np.take(costs, [*range(actions - 1), 0], axis=1)
        for axis in range(2, players + 1):
            costs = np.take(costs, [*range(actions - 1), 0], axis=axis)
    costs *= _scale(rng)
    return pg.NormalFormGame(costs), costs


def routing(rng: np.random.Generator) -> tuple[pg.RoutingGame, np.ndarray]:
    requests, workers = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    scale = _scale(rng)
    lines = _numbers(rng, (workers, 2)) * scale
    if rng.random() < 0.3:
        lines[:] = lines[0]
    overlap, omega = _numbers(rng, (requests, workers)), float(rng.choice([0.0, 0.5, 1.0])) * scale
    costs = np.empty((requests,) + (workers,) * requests)
    for profile in itertools.product(range(workers), repeat=requests):
        for i, j in enumerate(profile):
            load = profile.count(j)
            costs[(i, *profile)] = lines[j, 0] + lines[j, 1] * load - omega * overlap[i, j]
    return pg.RoutingGame(pg.latency.Polynomial(lines), overlap, omega), costs


def congestion(rng: np.random.Generator) -> tuple[pg.CongestionGame, np.ndarray]:
    players, resources, most = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 4))
    lines = _numbers(rng, (resources, 3)) * _scale(rng)
    actions = [
        [sorted(set(rng.integers(0, resources, int(rng.integers(1, 4))).tolist())) for _ in range(most)]
        for _ in range(players)
    ]
    costs = np.empty((players,) + (most,) * players)
    for profile in itertools.product(range(most), repeat=players):
        used = [actions[i][a] for i, a in enumerate(profile)]
        load = [sum(r in chosen for chosen in used) for r in range(resources)]
        for i, chosen in enumerate(used):
            costs[(i, *profile)] = sum(lines[r, 0] + lines[r, 1] * load[r] + lines[r, 2] * load[r] ** 2 for r in chosen)
    return pg.CongestionGame(pg.latency.Polynomial(lines), actions), costs


def caching(rng: np.random.Generator) -> tuple[pg.CachingGame, np.ndarray]:
    nodes, scale = int(rng.integers(1, 5)), _scale(rng)
    distance = 1.0 + _numbers(rng, (nodes, nodes))
    distance = np.minimum(distance, distance.T) * scale
    np.fill_diagonal(distance, 0.0)
    for k in range(nodes):  # shortest paths, so that it is a metric
        distance = np.minimum(distance, distance[:, [k]] + distance[[k], :])
    placement, demand = float(rng.integers(1, 5)) * scale, 1.0 + _numbers(rng, (nodes,))
    costs = np.empty((nodes,) + (2,) * nodes)
    for profile in itertools.product(range(2), repeat=nodes):
        holders = [j for j in range(nodes) if profile[j]]
        for i in range(nodes):
            read = min((distance[i, j] for j in holders), default=np.inf)
            costs[(i, *profile)] = placement if profile[i] else demand[i] * read
    return pg.CachingGame(distance, placement, demand), costs


KINDS: list[tuple[str, Callable[[np.random.Generator], tuple[Any, np.ndarray]]]] = [
    ("normal form", normal_form),
    ("routing", routing),
    ("congestion", congestion),
    ("caching", caching),
]
