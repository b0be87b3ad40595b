r"""Fair splits to compare with: Nash's bargaining solution, and dominant-resource fairness.

.. [nash1950] Nash: The bargaining problem, Econometrica 18 (1950).
.. [ghodsi2011] Ghodsi, Zaharia, Hindman, Konwinski, Shenker, Stoica: Dominant resource fairness, NSDI 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from poagame._arrays import FloatArray, as_floats, require
from poagame.errors import Infeasible
from poagame.games.checks import require_instance
from poagame.games.resource import ResourceGame

POINTS = 2_001


@dataclass(frozen=True, eq=False, slots=True)
class Bargain:
    """A split that maximises the product of both pools' gains over what they have without agreement.

    Attributes
    ----------
    x : [2]
        GPUs.
    gain : [2]
        Of each pool, shares of requests (less prices).
    product : float
        gain[0] · gain[1], the largest on a grid of 2,001 splits and around the best of them.
    """

    x: FloatArray
    gain: FloatArray
    product: float


def nash_bargaining(game: ResourceGame, disagreement: ArrayLike | None = None) -> Bargain:
    """Nash's bargaining solution on the budget line [nash1950]_.

    Parameters
    ----------
    game : ResourceGame
    disagreement : [2], optional
        What each pool pays if they do not agree; by default its cost with its fewest GPUs, the other having its fewest, too.

    Raises
    ------
    Infeasible
        If no split makes both better off.

    Examples
    --------
    >>> from poagame.games.attainment import Exponential
    >>> nash_bargaining(ResourceGame(8.0, Exponential(2.0), Exponential(2.0))).x.round(6).tolist()
    [4.0, 4.0]
    """
    require_instance(game, ResourceGame, "game")
    without = (
        game.player_costs(np.asarray(game.least)) if disagreement is None else as_floats(disagreement, "disagreement")
    )
    require(without.shape == (2,), f"disagreement is the cost of both pools, [2]; got shape {without.shape}")

    def gains(t: ArrayLike) -> FloatArray:
        x = np.stack([np.asarray(t), game.budget - np.asarray(t)], axis=-1)
        return without - game.player_costs(x)

    t = np.linspace(game.least[0], game.budget - game.least[1], POINTS)
    gain = gains(t)
    product = np.where((gain > 0).all(axis=-1), gain.prod(axis=-1), 0.0)
    k = int(product.argmax())
    if product[k] <= 0.0:
        raise Infeasible("no split of the budget line makes both pools better off than without agreement")
    bracket = (t[max(k - 1, 0)], t[min(k + 1, POINTS - 1)])
    finer: Any = minimize_scalar(
        lambda s: -float(gains(s).prod()), bounds=bracket, method="bounded", options={"xatol": 1e-12}
    )
    best = float(finer.x) if -finer.fun > product[k] and (gains(float(finer.x)) > 0).all() else float(t[k])
    at = gains(best)
    return Bargain(np.array([best, game.budget - best]), at, float(at.prod()))


@dataclass(frozen=True, eq=False, slots=True)
class FairTasks:
    """Tasks of each user under dominant-resource fairness.

    Attributes
    ----------
    tasks : [N]
        How many each runs, in fractions.
    dominant_share : [N]
        Its largest share of a resource.
    """

    tasks: FloatArray
    dominant_share: FloatArray


def dominant_resource_fairness(capacity: ArrayLike, demand: ArrayLike) -> FairTasks:
    """Progressive filling: all dominant shares rise alike until a resource is used up, then those go on that do not need it [ghodsi2011]_.

    Parameters
    ----------
    capacity : [R]
        Of each resource, positive.
    demand : [N, R]
        What a task of each user takes of each resource, ≥ 0, of some more than 0.

    Raises
    ------
    InvalidInput
        If shapes or signs are wrong.

    Examples
    --------
    9 CPUs and 18 GB; tasks of (1, 4) and of (3, 1).

    >>> found = dominant_resource_fairness([9.0, 18.0], [[1.0, 4.0], [3.0, 1.0]])
    >>> found.tasks.round(9).tolist(), found.dominant_share.round(6).tolist()
    ([3.0, 2.0], [0.666667, 0.666667])
    """
    room, need = as_floats(capacity, "capacity"), as_floats(demand, "demand")
    require(room.ndim == 1 and bool((room > 0).all()) and room.size > 0, "capacity must be positive numbers [R]")
    require(
        need.ndim == 2 and need.shape[1:] == room.shape and bool((need >= 0).all() and (need.max(axis=1) > 0).all()),
        f"demand must be [N, {room.size}], nonnegative and of each user more than 0 of something; got shape {need.shape}",
    )
    share = need / room
    # what a unit of dominant share takes of each resource
    each = share / share.max(axis=1, keepdims=True)
    dominant, left, going = np.zeros(len(need)), np.ones(room.size), np.ones(len(need), dtype=bool)
    while going.any():
        use = each[going].sum(axis=0)
        more = float((left[use > 0] / use[use > 0]).min())
        dominant[going] += more
        left = left - more * use
        full = left <= 1e-12
        going &= ~(each[:, full] > 0).any(axis=1)
    return FairTasks(dominant / share.max(axis=1), dominant)
