"""What selfish pools lose: over all generalised equilibria, at the variational one, and by load over whole splits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import BoolArray, FloatArray, as_floats, require
from poagame.errors import UndefinedRatio
from poagame.games.checks import require_instance
from poagame.games.resource import ResourceGame, Welfare, told_apart
from poagame.solvers.optimum import Optimum, social_optimum
from poagame.solvers.resource.generalised import GeneralisedSet, generalised_equilibria
from poagame.solvers.variational import VariationalEquilibrium, variational_equilibrium

WELFARES: tuple[Welfare, ...] = ("sum", "goodput", "min")

TIE_RTOL = 1e-11
"""Relative difference of costs that counts as a tie, as of all finite games."""


@dataclass(frozen=True, eq=False, slots=True)
class ResourceAnarchy:
    """What equilibria of two pools cost over the best split.

    Attributes
    ----------
    welfare : str
    poa : float
        Of the worst generalised equilibrium found: all ends of the set, 257 points of each interval, and the two below where they are any.
    pos : float
        Of the best of them.
    variational : float
        Ratio of the variational equilibrium.
    poa_high : float
        `poa` over the bound below the optimum instead of the optimum; equal where that is proved.
    worst, best : [2]
        GPUs.
    equilibria : GeneralisedSet
    equilibrium : VariationalEquilibrium
    optimum : Optimum
    """

    welfare: Welfare
    poa: float
    pos: float
    variational: float
    poa_high: float
    worst: FloatArray
    best: FloatArray
    equilibria: GeneralisedSet
    equilibrium: VariationalEquilibrium
    optimum: Optimum

    def __str__(self) -> str:
        """A table."""
        at = "({:.4g}, {:.4g})".format
        rows = [
            ("worst generalised", f"{self.poa:.6g}", at(*self.worst)),
            ("best generalised", f"{self.pos:.6g}", at(*self.best)),
            ("variational", f"{self.variational:.6g}", at(*self.equilibrium.x)),
            ("optimum", f"{self.optimum.social_cost:.6g}", f"{at(*self.optimum.profile)} {self.optimum.outcome}"),
        ]
        width = max(len(row[1]) for row in rows)
        return "\n".join(
            [f"cost over the optimum, welfare {self.welfare}"] + [f"{a:<18}{b:<{width}}  {c}" for a, b, c in rows]
        )


def resource_anarchy(game: ResourceGame, points: int = 2_001) -> ResourceAnarchy:
    """Price of anarchy over all generalised equilibria, and the ratio of the variational one, for the game's welfare.

    Parameters
    ----------
    game : ResourceGame
        `game.with_welfare(…)` for another social cost.
    points : int
        Of the grid of `generalised_equilibria`.

    Raises
    ------
    UndefinedRatio
        If the best split costs nothing: all requests are in time.
    InvalidInput
        As `social_optimum`: a curve neither rises nor is concave.

    Examples
    --------
    >>> from poagame.games.attainment import Quadratic
    >>> print(resource_anarchy(ResourceGame(1.0, Quadratic(1.0), Quadratic(0.5), least=0.0)))
    cost over the optimum, welfare sum
    worst generalised 2      (0.5, 0.5)
    best generalised  1      (0.75, 0.25)
    variational       1      (0.75, 0.25)
    optimum           0.125  (0.75, 0.25) optimal: the bound meets the cost
    """
    require_instance(game, ResourceGame, "game")
    found, equilibrium, optimum = (
        generalised_equilibria(game, points),
        variational_equilibrium(game),
        social_optimum(game),
    )
    # of curves that are not concave the variational equilibrium need not be one, nor the best split
    inside = [x for x in (equilibrium.x, optimum.profile) if found.contains(x)]
    sample = np.concatenate([found.ends(), found.sample(), np.reshape(inside, (-1, 2))])
    cost = np.asarray(game.social_cost(sample))
    least = min(optimum.social_cost, float(cost.min()))
    if not optimum.lower_bound > 0.0:
        raise UndefinedRatio(
            f"the best split costs {optimum.social_cost:.3g} (at least {optimum.lower_bound:.3g}), and a ratio needs more than 0: "
            "raise the load, or look at costs"
        )
    worst, best = int(cost.argmax()), int(cost.argmin())
    return ResourceAnarchy(
        game.welfare,
        float(cost[worst]) / least,
        float(cost[best]) / least,
        equilibrium.social_cost / least,
        float(cost[worst]) / min(optimum.lower_bound, least),
        sample[worst],
        sample[best],
        found,
        equilibrium,
        optimum,
    )


@dataclass(frozen=True, eq=False, slots=True)
class SplitMap:
    """Whole splits by load: which are equilibria, which the best, and what the difference is.

    Attributes
    ----------
    load : [L]
        Factors of the game's arrival rates.
    welfares : tuple of str
        M of them.
    feasible : [A, A]
        Splits within the budget, by prefill and decode workers less one.
    equilibrium : [L, A, A]
        Those at which neither pool gains by another number of workers within the budget.
    cost : [L, M, A, A]
        Social cost; infinite over the budget.
    attainment : [L, A, A, 2]
    """

    load: FloatArray
    welfares: tuple[Welfare, ...]
    feasible: BoolArray
    equilibrium: BoolArray
    cost: FloatArray
    attainment: FloatArray

    def __str__(self) -> str:
        """A row a load: of each welfare the best split, and the worst equilibrium over it."""
        lines = ["load    " + "".join(f"{w + ': best':<18}{'poa':<10}" for w in self.welfares).rstrip()]
        best, poa = [self.best_split(w) for w in self.welfares], self.poa
        for k, load in enumerate(self.load):
            cells = "".join(f"{name[k]:<18}{poa[k, m]:<10.4g}" for m, name in enumerate(best))
            lines.append(f"{load:<8.4g}{cells}".rstrip())
        return "\n".join(lines)

    @property
    def optimum(self) -> FloatArray:
        """[L, M] cost of the best split."""
        return self.cost.min(axis=(2, 3))

    @property
    def best(self) -> BoolArray:
        """[L, M, A, A]: splits that cost least, ties included."""
        least = self.optimum[..., None, None]
        return self.feasible & (self.cost <= least * (1.0 + TIE_RTOL))

    @property
    def poa(self) -> FloatArray:
        """[L, M] worst equilibrium over the best split; NaN where that costs nothing or there is no equilibrium."""
        return self._ratio(np.where(self.equilibrium[:, None], self.cost, -np.inf).max(axis=(2, 3)))

    @property
    def pos(self) -> FloatArray:
        """[L, M] best equilibrium over the best split; NaN likewise."""
        return self._ratio(np.where(self.equilibrium[:, None], self.cost, np.inf).min(axis=(2, 3)))

    def where(self, split: str) -> dict[str, FloatArray]:
        """Loads at which a split such as "1P/5D" is an equilibrium, and at which it is best for each welfare.

        Raises
        ------
        InvalidInput
            If it is no such name, or over the budget.
        """
        named = re.fullmatch(r"(\d+)P/(\d+)D", str(split))
        require(named is not None, f'a split is named like "1P/5D"; got {split!r:.60}')
        assert named is not None
        p, d = int(named[1]) - 1, int(named[2]) - 1
        inside = 0 <= p < len(self.feasible) and 0 <= d < len(self.feasible)
        require(inside and bool(self.feasible[p, d]), f"{split} does not fit the budget")
        best = self.best[:, :, p, d]
        return {"equilibrium": self.load[self.equilibrium[:, p, d]]} | {
            w: self.load[best[:, m]] for m, w in enumerate(self.welfares)
        }

    def best_split(self, welfare: Welfare) -> list[str]:
        """Name of the best split at each load, of several the one with fewest prefill workers.

        Raises
        ------
        InvalidInput
            If the map was not made for that welfare.
        """
        require(welfare in self.welfares, f"the map is of {', '.join(self.welfares)}; got {welfare!r:.60}")
        m = self.welfares.index(welfare)
        flat = self.best[:, m].reshape(len(self.load), -1).argmax(axis=1)
        return [f"{k // len(self.feasible) + 1}P/{k % len(self.feasible) + 1}D" for k in flat]

    def _ratio(self, cost: FloatArray) -> FloatArray:
        least = self.optimum
        defined = (least > TIE_RTOL) & np.isfinite(cost)
        return np.where(defined, cost / np.where(defined, least, 1.0), np.nan)


def split_map(game: ResourceGame, loads: ArrayLike, welfares: Sequence[Welfare] = WELFARES) -> SplitMap:
    """All whole splits at each load: equilibria, best splits and costs.

    Parameters
    ----------
    game : ResourceGame
        With curves that have arrival rates, which the loads multiply.
    loads : [L]
        Positive factors.
    welfares : sequence of str

    Raises
    ------
    InvalidInput
        If loads are not positive numbers, a welfare is unknown, or curves have no rates.
    TooLarge
        As `game.splits()`.

    Examples
    --------
    >>> from poagame.games.attainment import DecodeBatch, PrefillQueue
    >>> decode = DecodeBatch(1.0, lambda n: 9.0 + 0.1 * n, target_ms=10.0, output_tokens=500.0)
    >>> game = ResourceGame(24, PrefillQueue(1.0, 200.0, 400.0), decode, gpus_per_worker=4)
    >>> found = split_map(game, [1.0, 4.0, 8.0])
    >>> found.best_split("goodput")
    ['3P/3D', '2P/4D', '2P/4D']
    """
    factors = np.atleast_1d(as_floats(loads, "loads"))
    require(
        factors.ndim == 1 and factors.size > 0 and bool((factors > 0).all()),
        f"loads are positive factors [L], one at least; got {loads!r:.60}",
    )
    kinds = tuple(welfares)
    require(
        len(kinds) > 0 and set(kinds) <= set(WELFARES), f"welfares are of {', '.join(WELFARES)}; got {welfares!r:.60}"
    )
    splits = game.splits()
    actions = np.stack(np.meshgrid(*[np.arange(splits.num_actions)] * 2, indexing="ij"), axis=-1)
    x = splits.gpus(actions)
    feasible = x.sum(axis=-1) <= game.budget * (1.0 + 1e-12)
    views = [game.with_welfare(w) for w in kinds]
    spent = (np.asarray(game.price) * x).sum(axis=-1)
    costs, stable, shares = [], [], []
    for factor in factors:
        share = (
            game.scaled(float(factor)).attainments(x)
            if game.coupled
            else _separate(game.scaled(float(factor)), splits.num_actions)
        )
        own = np.where(feasible[..., None], told_apart(1.0 - share + np.asarray(game.price) * x), np.inf)
        # what each pool's best number of workers costs beside the other's
        least = np.stack(np.broadcast_arrays(own[..., 0].min(axis=0)[None], own[..., 1].min(axis=1)[:, None]), axis=-1)
        tie = TIE_RTOL * np.abs(least)
        stable.append(feasible & (own <= least + np.where(np.isfinite(tie), tie, 0.0)).all(axis=-1))
        costs.append([np.where(feasible, told_apart(view.missed(share) + spent), np.inf) for view in views])
        shares.append(share)
    return SplitMap(factors, kinds, feasible, np.array(stable), np.array(costs), np.array(shares))


def _separate(game: ResourceGame, number: int) -> FloatArray:
    """[A, A, 2] attainments of pools that are not coupled: each curve once."""
    workers = np.arange(1.0, number + 1.0)
    p, d = game.prefill(workers), game.decode(workers)
    return np.stack(np.broadcast_arrays(p[:, None], d[None, :]), axis=-1)
