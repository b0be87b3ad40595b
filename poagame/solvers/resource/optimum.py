r"""The best split of a budget, with a bound below all splits.

More GPUs never harm a pool once it may leave some idle. With each attainment capped at its largest value to the left, a box of splits
:math:`[p, p'] \times [d, d']` costs at least what the attainments of its upper corner and the prices of its lower one come to. Boxes are
halved while they may hold something better (branch and bound); without prices all lies on the budget line, and boxes are its intervals.
"""

from __future__ import annotations

import numpy as np

from poagame._arrays import FloatArray, require
from poagame.games.attainment import shape
from poagame.games.resource import POOLS, ResourceGame
from poagame.outcome import Outcome
from poagame.solvers.optimum import Optimum, social_optimum
from poagame.solvers.resource.line import falling_root

GAP = 1e-9
"""Difference of cost and bound, as a share of requests, at which the optimum counts as proved."""

MAX_BOXES = 60_000
"""Boxes at which the search ends with the bound it has."""

START = 512


@social_optimum.register
def _(game: ResourceGame) -> Optimum:
    """OPTIMAL where the bound comes within 1e-9, for curves that rise or are concave on the range (looked at on a grid)."""
    cap = _caps(game)
    on_line = max(game.price) == 0.0
    boxes = _line(game) if on_line else _triangle(game)
    best, cost, bound = game.start(), np.inf, -np.inf
    while True:
        low, high = boxes[..., 0], boxes[..., 1]
        corner = np.stack([low[:, 0], game.budget - low[:, 0]], axis=-1) if on_line else low
        points = np.minimum(corner, cap)
        value = np.asarray(game.social_cost(points))
        k = int(value.argmin())
        if value[k] < cost:
            best, cost = points[k], float(value[k])
        least = _bound(game, np.minimum(low, cap), np.minimum(high, cap))
        bound = max(bound, float(min(least.min(), cost)))
        open_boxes = boxes[least < cost - GAP]
        if not len(open_boxes) or len(open_boxes) > MAX_BOXES:
            break
        boxes = _halved(open_boxes, game.budget, on_line)
    outcome = Outcome.OPTIMAL if cost - bound <= GAP * (1.0 + 1e-6) else Outcome.BOUNDED
    return Optimum(best, cost, min(bound, cost), outcome)


def _bound(game: ResourceGame, low: FloatArray, high: FloatArray) -> FloatArray:
    """[B]: no split of the box costs less."""
    share = game.attainments(high)
    if game.coupled:  # fewer requests come to decode if prefill has less
        share[..., 1] = game.attainments(np.stack([low[..., 0], high[..., 1]], axis=-1))[..., 1]
    free = game.missed(share)
    return np.asarray(free + (low * np.asarray(game.price)).sum(axis=-1))


def _line(game: ResourceGame) -> FloatArray:
    """[B, 2, 2] pieces of the budget line: prefill within [low, high], and so decode."""
    t = np.linspace(game.least[0], game.budget - game.least[1], START + 1)
    p = np.stack([t[:-1], t[1:]], axis=-1)
    return np.stack([p, game.budget - p[:, ::-1]], axis=1)


def _triangle(game: ResourceGame) -> FloatArray:
    """[1, 2, 2]: everything, as one box."""
    low = np.asarray(game.least)
    return np.stack([low, game.budget - low[::-1]], axis=-1)[None]


def _halved(boxes: FloatArray, budget: float, on_line: bool) -> FloatArray:
    """Each box in two across its longer side, those over the budget left out; pieces of the line stay on it."""
    wide = np.zeros(len(boxes), dtype=np.int64) if on_line else (boxes[..., 1] - boxes[..., 0]).argmax(axis=-1)
    row = np.arange(len(boxes))
    middle = boxes[row, wide].mean(axis=-1)
    left, right = boxes.copy(), boxes.copy()
    left[row, wide, 1], right[row, wide, 0] = middle, middle
    both = np.concatenate([left, right])
    if on_line:
        both[:, 1] = budget - both[:, 0, ::-1]
        return both
    return both[both[..., 0].sum(axis=-1) <= budget]


def _caps(game: ResourceGame) -> FloatArray:
    """[2] GPUs beyond which a pool's attainment rises no more.

    Raises
    ------
    InvalidInput
        If a curve neither rises nor is concave.
    """
    caps = np.full(2, game.budget)
    for k, curve in enumerate((game.prefill, game.decode)):
        low, high = game.least[k] / game.gpus_per_worker[k], (game.budget - game.least[1 - k]) / game.gpus_per_worker[k]
        if high <= low or (np.diff(curve(np.linspace(low, high, START + 1))) >= -1e-12).all():
            continue
        found = shape(curve, low, high)
        require(
            found.is_concave,
            f"the optimum is bounded for curves that rise or are concave; that of {POOLS[k]} falls somewhere and is {found}",
        )
        caps[k] = game.gpus_per_worker[k] * falling_root(lambda c, of=curve: float(of.derivative(c)), low, high)
    return caps
