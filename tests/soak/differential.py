"""The batched solvers beside plain arithmetic over all profiles and all sets of used links, in millions of games."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np

import poagame as pg

CHUNK = 50_000


def soak_differential(cases: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Outcomes, and a report a chunk with differences."""
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    for chunk in range(-(-cases // CHUNK)):
        rng = np.random.default_rng([seed, chunk])
        for name, bad in (("best response", _best_response(rng)), ("links", _links(rng))):
            outcomes[f"{name}: same"] += CHUNK - int(bad.sum())
            if bad.any():
                outcomes[f"{name}: DIFFERENT"] += int(bad.sum())
                wrong.append(f"{name}, chunk {chunk} of seed {seed}: games {np.flatnonzero(bad)[:10].tolist()}")
    return outcomes, wrong


def _best_response(rng: np.random.Generator, requests: int = 3, workers: int = 3) -> np.ndarray:
    """[CHUNK] whether what best responses end at is no equilibrium, or its cost another one."""
    lines = rng.integers(0, 6, (CHUNK, workers, 2)) * 10.0 ** rng.integers(-9, 10, (CHUNK, 1, 1))
    overlap = rng.integers(0, 4, (CHUNK, requests, workers)).astype(np.float64)
    omega = rng.integers(0, 3, CHUNK) * lines.max(axis=(1, 2)) / 4.0
    batch = pg.batched.routing_games(pg.latency.Polynomial(lines.reshape(-1, 2)), overlap, omega)
    found = pg.batched.best_response(batch)
    game = np.arange(CHUNK)
    stable = np.zeros((CHUNK, workers**requests), dtype=bool)
    social = np.empty((CHUNK, workers**requests))
    for k, profile in enumerate(itertools.product(range(workers), repeat=requests)):
        now = np.stack([_paid(lines, overlap, omega, profile, i) for i in range(requests)])
        social[:, k] = now.sum(axis=0)
        gain = np.full(CHUNK, -np.inf)
        scale = np.zeros(CHUNK)
        for i, j in itertools.product(range(requests), range(workers)):
            moved = _paid(lines, overlap, omega, (*profile[:i], j, *profile[i + 1 :]), i)
            gain = np.maximum(gain, now[i] - moved)
            scale = np.maximum(scale, np.maximum(np.abs(now[i]), np.abs(moved)))
        stable[:, k] = gain <= 1e-9 * scale
    at = found.profiles @ (workers ** np.arange(requests - 1, -1, -1))
    size = np.abs(social).max(axis=1) + 1e-300
    return ~(stable[game, at] & found.converged & (np.abs(found.social_cost - social[game, at]) <= 1e-9 * size))


def _paid(
    lines: np.ndarray, overlap: np.ndarray, omega: np.ndarray, profile: tuple[int, ...], request: int
) -> np.ndarray:
    j = profile[request]
    return lines[:, j, 0] + lines[:, j, 1] * profile.count(j) - omega * overlap[:, request, j]


def _links(rng: np.random.Generator, links: int = 4) -> np.ndarray:
    """[CHUNK] whether batched Wardrop flows on straight lines differ from filling the cheapest links first."""
    base = rng.integers(0, 5, (CHUNK, links)).astype(np.float64)
    slope = rng.integers(1, 5, (CHUNK, links)) * 10.0 ** rng.integers(-3, 4, (CHUNK, links))
    demand = 10.0 ** rng.uniform(-6, 6, CHUNK)
    found = pg.batched.wardrop(pg.latency.Polynomial(np.stack([base, slope], axis=-1).reshape(-1, 2)), demand)
    order = np.argsort(base, axis=1, kind="stable")
    sorted_base, sorted_slope = np.take_along_axis(base, order, 1), np.take_along_axis(slope, order, 1)
    # with the first m links in use: level = (demand + Σ base/slope) / Σ 1/slope, the smallest over m
    level = (demand[:, None] + (sorted_base / sorted_slope).cumsum(axis=1)) / (1.0 / sorted_slope).cumsum(axis=1)
    lowest = level.min(axis=1)
    flow = np.maximum(lowest[:, None] - base, 0.0) / slope
    total = (flow * (base + slope * flow)).sum(axis=1)
    return ~(found.converged & (np.abs(found.social_cost - total) <= 1e-6 * total + 1e-300))
