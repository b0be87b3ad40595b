r"""Mixed equilibria of any number of players by search: what is found is certified, what is missed is not known.

Equilibria are the zeros of the Fischer–Burmeister system

.. math:: \varphi(x_{ia}, E_{ia}(x) - v_i) = 0,\qquad \sum_a x_{ia} = 1,\qquad \varphi(a, b) = a + b - \sqrt{a^2 + b^2},

where E is the expected cost of an action and v_i what player i pays at best: φ = 0 exactly where both are nonnegative
and one is zero.
"""

from __future__ import annotations

import sys
from time import monotonic

import numpy as np
from rich.console import Console
from rich.progress import track
from scipy.optimize import least_squares

from poagame._arrays import FloatArray
from poagame.certificates.mixed import certify_each_mixed
from poagame.errors import TooLarge
from poagame.games.normal_form import NormalFormGame
from poagame.solvers.enumeration import equilibria
from poagame.solvers.mixed.logit_path import contract

DISTINCT = 1e-6
"""Strategies closer than this (in any probability) are taken for the same equilibrium."""


def from_starts(
    game: NormalFormGame, num_starts: int, rng: np.random.Generator, time_limit: float
) -> tuple[FloatArray, str]:
    """Certified mixed equilibria [M, N, A], the pure ones among them, and a sentence on the search.

    No start begins after the time limit (seconds); Ctrl-C ends the search and keeps what was found.
    """
    players, actions = game.num_players, game.num_actions
    found: list[FloatArray] = []
    try:
        pure = equilibria(game)
    except TooLarge:
        note = "too many profiles to list the pure equilibria"
    else:
        found = [np.eye(actions)[profile] for profile in pure.profiles]
        note = f"all {len(pure)} pure equilibria"
    if players > 1:
        lowest = np.array([game.costs[i][np.isfinite(game.costs[i])].min() for i in range(players)])
        highest = np.array([game.costs[i][np.isfinite(game.costs[i])].max() for i in range(players)])
        unit = np.where(highest > lowest, highest - lowest, 1.0)
        shown = track(
            range(num_starts),
            "mixed equilibria",
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        deadline, begun, cut = monotonic() + time_limit, 0, ""
        try:
            for _ in shown:
                if monotonic() >= deadline:
                    cut = f" of {num_starts}, cut off after {time_limit:g} s"
                    break
                begun += 1
                x = rng.dirichlet(np.ones(actions), players) * game.available
                x = _zero(game, x / x.sum(axis=1, keepdims=True), lowest, unit)
                if x is None or any(np.abs(x - other).max() < DISTINCT for other in found):
                    continue
                if certify_each_mixed(game, x[None])[0].holds:
                    found.append(x)
        except KeyboardInterrupt:
            cut = f" of {num_starts}, interrupted"
        note = f"{note} and a search from {begun} random starts{cut}; other mixed equilibria may exist"
    strategies = np.stack(found) if found else np.zeros((0, players, actions))
    return strategies, note


def _zero(game: NormalFormGame, start: FloatArray, lowest: FloatArray, unit: FloatArray) -> FloatArray | None:
    """Where Levenberg–Marquardt steps on the system end, None if at no zero; costs are shifted and scaled to 0 … 1."""
    has = game.available
    players = len(has)
    count = int(has.sum())
    owner = np.nonzero(has)[0]
    finite = [np.where(np.isfinite(game.costs[i]), (game.costs[i] - lowest[i]) / unit[i], 0.0) for i in range(players)]

    def spread(z: FloatArray) -> FloatArray:
        x = np.zeros(has.shape)
        x[has] = z[:count]
        return x

    def expected(x: FloatArray) -> FloatArray:
        rows = [contract(finite[i], [None if j == i else x[j] for j in range(players)]) for i in range(players)]
        return np.stack(rows)[has]

    def residual(z: FloatArray) -> FloatArray:
        x = spread(z)
        slack = expected(x) - z[count + owner]
        return np.concatenate([z[:count] + slack - np.hypot(z[:count], slack), x.sum(axis=1) - 1.0])

    def jacobian(z: FloatArray) -> FloatArray:
        x = spread(z)
        slack = expected(x) - z[count + owner]
        length = np.maximum(np.hypot(z[:count], slack), 1e-300)
        by_x, by_slack = 1.0 - z[:count] / length, 1.0 - slack / length
        whole = np.zeros((*has.shape, *has.shape))
        for i in range(players):
            for j in range(players):
                if i != j:
                    block = contract(finite[i], [None if k in (i, j) else x[k] for k in range(players)])
                    whole[i, :, j, :] = block if i < j else block.T
        out = np.zeros((count + players, count + players))
        out[:count, :count] = by_slack[:, None] * whole[has][:, has]
        out[np.arange(count), np.arange(count)] += by_x
        out[np.arange(count), count + owner] = -by_slack
        out[count + owner, np.arange(count)] = 1.0
        return out

    begin = np.concatenate([start[has], np.zeros(players)])
    begin[count:] = np.minimum.reduceat(expected(start), np.flatnonzero(np.diff(owner, prepend=-1)))
    solved = least_squares(
        residual,
        begin,
        jac=jacobian,  # pyright: ignore[reportArgumentType]  # 2026-11: taken for a str from its default
        method="lm",
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
        max_nfev=200,
    )
    if np.abs(solved.fun).max() > 1e-6:
        return None
    x = np.maximum(spread(solved.x), 0.0)
    x[x < 1e-9] = 0.0
    return x / x.sum(axis=1, keepdims=True)
