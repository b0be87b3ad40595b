r"""Learning in repeated play: log-linear dynamics, multiplicative weights and regret matching, with full information.

At step t all draw a profile s_t and each sees what every action would have cost it, :math:`c_{t,i}(a) = c_i(a,
s_{t,-i})`. The play's external
regret bounds how far its empirical distribution is from a coarse correlated equilibrium: the largest average regret is its ε. By
smoothness the cost of such play obeys price-of-anarchy bounds too (Roughgarden 2015). Only `action_costs` is used, and no table.

.. [blume1993] Blume: The statistical mechanics of strategic interaction, Games and Economic Behavior 5 (1993).
.. [derooij2014] de Rooij, van Erven, Grünwald, Koolen: Follow the leader if you can, hedge if you must, Journal of
   Machine Learning Research 15 (2014).
.. [cesabianchi2006] Cesa-Bianchi, Lugosi: Prediction, Learning, and Games, Cambridge University Press 2006, Theorem 2.2.
.. [hart2000] Hart, Mas-Colell: A simple adaptive procedure leading to correlated equilibrium, Econometrica 68 (2000).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.certificates.nash import RTOL, gain_scale
from poagame.errors import InvalidInput, TooLarge, UndefinedRatio
from poagame.games.checks import Seed, generator, positive, whole
from poagame.games.congestion import CongestionGame
from poagame.games.normal_form import NormalFormGame
from poagame.games.protocols import FiniteGame, as_finite, as_profile, batch_action_costs, batch_social_cost
from poagame.outcome import Outcome
from poagame.solvers.optimum import Optimum

MAX_RECORD = 200_000_000
"""Most entries steps × replicas × players of a recorded play."""

Choose: TypeAlias = Callable[[FloatArray, FloatArray, int], FloatArray]
"""(costs seen [B, N, A], probabilities used [B, N, A], step from 1) → next probabilities."""


@dataclass(frozen=True, eq=False, slots=True)
class Play:
    """Repeated play as an empirical distribution over profiles, all replicas together.

    Attributes
    ----------
    profiles : [M, N] int64
        The different profiles played.
    probabilities : [M]
        How often, as shares that sum to 1.
    average_regret : [N]
        What each player would have saved a step with its best fixed action, given what was played; may be negative. The play is an
        ε-coarse correlated equilibrium with ε the largest of these, if that is positive.
    expected_regret : [N]
        The same with each player's own draw replaced by its expectation, averaged over replicas: what the theorems on regret bound
        for every sequence of the others. For log-linear learning, which has none, equal to `average_regret`.
    cost_range : [N]
        Largest difference between two actions' costs that a player saw in one step.
    social_cost : float
        Average over the play.
    strategies : [B, N, A]
        What each replica's players would draw from next.
    outcome : Outcome
        CONVERGED if no average regret is more than rounding explains, else MAX_STEPS_REACHED.
    num_steps : int
    """

    profiles: IntArray
    probabilities: FloatArray
    average_regret: FloatArray
    expected_regret: FloatArray
    cost_range: FloatArray
    social_cost: float
    strategies: FloatArray
    outcome: Outcome
    num_steps: int

    @property
    def max_regret(self) -> float:
        """Largest average regret, at least 0: the play is this far from a coarse correlated equilibrium."""
        return max(0.0, float(self.average_regret.max()))

    def __str__(self) -> str:
        """One line."""
        replicas = len(self.strategies)
        many = f" in each of {replicas:,} replicas" if replicas > 1 else ""
        return (
            f"{self.num_steps:,} steps{many}: {len(self.profiles):,} profiles played (average social cost "
            f"{self.social_cost:.6g}, a coarse correlated equilibrium up to {self.max_regret:.3g})"
        )


def multiplicative_weights(
    game: FiniteGame, num_steps: int, rate: float | None = None, seed: Seed = 0, replicas: int = 1
) -> Play:
    r"""Every player weights its actions by :math:`\exp(-\eta \sum_{s<t} c_s(a))` and draws.

    With a fixed rate η the expected regret is at most :math:`\frac{\ln A}{\eta T} + \frac{\eta}{8}\rho^2` a step, ρ the range of costs
    [cesabianchi2006]_. Without a rate each player adapts its own (AdaHedge), needs to know no range and has at most
    :math:`\rho\,(\sqrt{\ln A / T} + (\tfrac43 \ln A + 2)/T)` [derooij2014]_; `regret_bound` gives both.

    Parameters
    ----------
    game : FiniteGame
    num_steps : int
        T ≥ 1.
    rate : float, optional
        η > 0, in 1 / cost.
    seed : int or numpy.random.Generator
    replicas : int
        Independent plays, advanced together and pooled: the average of ε-coarse correlated equilibria is one.

    Raises
    ------
    InvalidInput
        If a number is out of range, or an action that a player may draw costs infinity at a profile that is played.
    TooLarge
        If the record of the play would pass `MAX_RECORD` entries.

    Examples
    --------
    >>> import poagame as pg
    >>> links = pg.RoutingGame(pg.latency.Polynomial([0.0, 1.0]), [[0.0, 0.0], [0.0, 0.0]])
    >>> play = multiplicative_weights(links, 400)
    >>> bool((play.expected_regret <= regret_bound(play.cost_range, 2, 400)).all())
    True
    """
    rate = None if rate is None else positive(rate, "rate")
    plan = _plan(game, "multiplicative_weights", num_steps, seed, replicas)
    game, replicas, available = plan.game, plan.replicas, plan.available
    options = np.log(np.maximum(available.sum(axis=1), 1))[:, None]
    shape = (replicas, *available.shape)
    total, mixability = np.zeros(shape), np.zeros((*shape[:2], 1))

    def choose(costs: FloatArray, probabilities: FloatArray, step: int) -> FloatArray:
        nonlocal total, mixability
        if rate is None:
            # AdaHedge: the rate is ln A over the total of what mixing lost so far
            finite = np.where(probabilities > 0, costs, 0.0)
            least = np.where(probabilities > 0, costs, np.inf).min(axis=2, keepdims=True)
            eta = _adaptive(options, mixability)
            with np.errstate(over="ignore", invalid="ignore"):
                weights = probabilities * np.exp(-np.where(finite > least, eta * (finite - least), 0.0))
                mixed = np.where(mixability > 0, -np.log(weights.sum(axis=2, keepdims=True)) / eta, 0.0)
            hedged = (probabilities * finite).sum(axis=2, keepdims=True) - least
            mixability = mixability + np.maximum(hedged - np.where(np.isfinite(mixed), mixed, 0.0), 0.0)
        total = total + np.where(available, costs, np.inf)
        ahead = total - total.min(axis=2, keepdims=True)
        if rate is not None:
            weights = np.exp(-rate * ahead)
        else:
            eta = _adaptive(options, mixability)
            with np.errstate(over="ignore", invalid="ignore"):
                weights = np.exp(-np.where(ahead > 0, eta * ahead, 0.0))
        return weights / weights.sum(axis=2, keepdims=True)

    return _repeat(plan, choose)


def regret_bound(cost_range: ArrayLike, num_actions: int, num_steps: int, rate: float | None = None) -> FloatArray:
    """Most expected regret a step that `multiplicative_weights` may have, for costs of the given range (see there).

    Parameters
    ----------
    cost_range : [N]
        ρ ≥ 0, as in `Play.cost_range`.
    num_actions, num_steps : int
        A ≥ 1 and T ≥ 1.
    rate : float, optional
        η > 0; where not given, that of the adaptive rate.

    Raises
    ------
    InvalidInput
        If a number is out of range.
    """
    spread = as_floats(cost_range, "cost_range")
    require(bool((spread >= 0).all()), "cost_range must be nonnegative")
    num_steps, options = whole(num_steps, "num_steps", 1), float(np.log(whole(num_actions, "num_actions", 1)))
    rate = None if rate is None else positive(rate, "rate")
    if rate is not None:
        return options / (rate * num_steps) + rate / 8.0 * spread**2
    return spread * (np.sqrt(options / num_steps) + (4.0 / 3.0 * options + 2.0) / num_steps)


def regret_matching(game: FiniteGame, num_steps: int, seed: Seed = 0, replicas: int = 1) -> Play:
    r"""Every player draws each action in proportion to its positive regret so far, uniformly while it has none [hart2000]_.

    The regret counted is against the expectation of the player's own draw, so for every sequence of the others it is at most
    :math:`\rho\sqrt{A / T}` a step, ρ the range of costs (Blackwell's argument).

    Parameters
    ----------
    game, num_steps, seed, replicas
        As for `multiplicative_weights`.

    Raises
    ------
    InvalidInput, TooLarge
        As for `multiplicative_weights`.
    """
    plan = _plan(game, "regret_matching", num_steps, seed, replicas)
    game, replicas, available = plan.game, plan.replicas, plan.available
    regrets = np.zeros((replicas, *available.shape))

    def choose(costs: FloatArray, probabilities: FloatArray, step: int) -> FloatArray:
        nonlocal regrets
        paid = (probabilities * np.where(probabilities > 0, costs, 0.0)).sum(axis=2, keepdims=True)
        regrets = regrets + np.where(available, paid - costs, -np.inf)
        positive = np.maximum(regrets, 0.0)
        sums = positive.sum(axis=2, keepdims=True)
        open_ = np.isfinite(regrets)
        uniform = open_ / np.maximum(open_.sum(axis=2, keepdims=True), 1)
        return np.where(sums > 0, positive / np.where(sums > 0, sums, 1.0), uniform)

    return _repeat(plan, choose)


def log_linear_learning(
    game: FiniteGame,
    temperature: float,
    num_steps: int,
    seed: Seed = 0,
    replicas: int = 1,
    start: ArrayLike | None = None,
) -> Play:
    r"""One random player at a time revises, to action a with probability proportional to :math:`\exp(-c_i(a, s_{-i})/\tau)`.

    In a game with exact potential Φ the profiles' stationary law is proportional to :math:`\exp(-\Phi(s)/\tau)` [blume1993]_. It is no
    logit equilibrium: the players' actions are correlated.

    Parameters
    ----------
    game : FiniteGame
    temperature : float
        τ > 0, in cost units.
    num_steps : int
        Revisions; the play holds the profile after each.
    seed : int or numpy.random.Generator
    replicas : int
    start : [N], optional
        First profile; the first action of every player where not given.

    Raises
    ------
    InvalidInput, TooLarge
        As for `multiplicative_weights`.
    """
    temperature = positive(temperature, "temperature")
    plan = _plan(game, "log_linear_learning", num_steps, seed, replicas)
    game, num_steps, rng, replicas, available = plan.game, plan.num_steps, plan.rng, plan.replicas, plan.available
    players = game.num_players
    first = available.argmax(axis=1) if start is None else as_profile(game, start)
    require(first.shape == (players,), f"start is one profile [N]; got shape {first.shape}")
    profile = np.tile(first, (replicas, 1))
    record = np.empty((num_steps, replicas, players), np.int32)
    ledger = _Ledger(replicas, *available.shape)
    each = np.arange(replicas)
    costs = batch_action_costs(game, profile)
    for t in range(num_steps):
        who = rng.integers(0, players, replicas)
        profile[each, who] = _draw(_logit(np.where(available[who], costs[each, who], np.inf), temperature), rng)
        costs = batch_action_costs(game, profile)
        record[t] = profile
        ledger.add(np.where(available, costs, np.inf), profile, None)
    following = _logit(np.where(available, costs, np.inf), temperature)
    return ledger.play(game, record, following)


def empirical_ratio(play: Play, optimum: Optimum) -> float:
    """Average social cost of a play over that of the optimum: the price of anarchy of what was played.

    With an optimum that is only `BOUNDED`, the ratio to the true optimum is at least this, and at most
    `play.social_cost / optimum.lower_bound`.

    Raises
    ------
    UndefinedRatio
        If the optimum's cost is not positive.
    """
    if not optimum.social_cost > 0:
        raise UndefinedRatio(
            f"the optimum costs {optimum.social_cost:g}; a ratio to it needs a positive cost: add a base cost"
        )
    return play.social_cost / optimum.social_cost


class _Ledger:
    """Running totals of what was paid and what each fixed action would have cost."""

    def __init__(self, replicas: int, players: int, actions: int) -> None:
        self.fixed = np.zeros((replicas, players, actions))
        self.paid, self.expected, self.size = (np.zeros((replicas, players)) for _ in range(3))
        self.range = np.zeros(players)
        self.num_steps = 0

    def add(self, costs: FloatArray, profile: IntArray, probabilities: FloatArray | None) -> None:
        """Count one step: costs [B, N, A] seen at `profile` [B, N], drawn from `probabilities`."""
        paid = np.take_along_axis(costs, profile[:, :, None], axis=2)[:, :, 0]
        finite = np.isfinite(costs)
        faced = ~np.isfinite(paid) if probabilities is None else (~finite & (probabilities > 0)).any(axis=2)
        if faced.any():
            player = int(np.argwhere(faced)[0, 1])
            raise InvalidInput(
                f"player {player} faced an infinite cost in play: learning needs finite costs; raise capacities"
            )
        spread = np.where(finite, costs, -np.inf).max(axis=2) - costs.min(axis=2)
        self.range = np.maximum(self.range, spread.max(axis=0))
        self.fixed += costs
        self.paid += paid
        self.size += np.abs(paid)
        mean = paid if probabilities is None else (probabilities * np.where(probabilities > 0, costs, 0.0)).sum(axis=2)
        self.expected += mean
        self.num_steps += 1

    def play(self, game: FiniteGame, record: NDArray[np.int32], strategies: FloatArray) -> Play:
        """The record of the whole play."""
        steps, replicas, players = record.shape
        profiles, counts = np.unique(record.reshape(-1, players), axis=0, return_counts=True)
        shares = counts / counts.sum()
        rows = profiles.astype(np.int64)
        # one fixed action for all replicas together, as the pooled play's certificate has it
        best = self.fixed.sum(axis=0).min(axis=1)
        average = (self.paid.sum(axis=0) - best) / (steps * replicas)
        expected = (self.expected - self.fixed.min(axis=2)).mean(axis=0) / steps
        chunk = max(1, 4_000_000 // (players * game.num_actions))
        social = sum(
            float(shares[b : b + chunk] @ batch_social_cost(game, rows[b : b + chunk]))
            for b in range(0, len(rows), chunk)
        )
        tolerance = RTOL * (float(self.size.sum(axis=0).max()) / (steps * replicas) + gain_scale(game))
        outcome = Outcome.CONVERGED if float(average.max()) <= tolerance else Outcome.MAX_STEPS_REACHED
        return Play(rows, shares, average, expected, self.range, social, strategies, outcome, steps)


@dataclass(frozen=True, eq=False, slots=True)
class _Plan:
    """What a play is about to be, checked."""

    game: FiniteGame
    available: NDArray[np.bool_]
    num_steps: int
    rng: np.random.Generator
    replicas: int


def _plan(game: object, verb: str, num_steps: int, seed: Seed, replicas: int) -> _Plan:
    finite = as_finite(game, verb)
    num_steps, replicas = whole(num_steps, "num_steps", 1), whole(replicas, "replicas", 1)
    size = num_steps * replicas * finite.num_players
    if size > MAX_RECORD:
        raise TooLarge(
            f"a record of {size:,} actions (steps × replicas × players); the limit is {MAX_RECORD:,}. Take fewer steps"
        )
    return _Plan(finite, _available(finite), num_steps, generator(seed), replicas)


def _repeat(plan: _Plan, choose: Choose) -> Play:
    game, available, num_steps, rng, replicas = plan.game, plan.available, plan.num_steps, plan.rng, plan.replicas
    record = np.empty((num_steps, replicas, game.num_players), np.int32)
    ledger = _Ledger(replicas, *available.shape)
    probabilities = np.tile(available / available.sum(axis=1, keepdims=True), (replicas, 1, 1))
    for t in range(num_steps):
        profile = _draw(probabilities, rng)
        costs = np.where(available, batch_action_costs(game, profile), np.inf)
        ledger.add(costs, profile, probabilities)
        record[t] = profile
        probabilities = choose(costs, probabilities, t + 1)
    return ledger.play(game, record, probabilities)


def _available(game: FiniteGame) -> NDArray[np.bool_]:
    """[N, A]: whether the player has the action."""
    if isinstance(game, NormalFormGame):
        return np.asarray(game.available)
    if isinstance(game, CongestionGame):
        return game.available[game.row_of]
    return np.ones((game.num_players, game.num_actions), dtype=bool)


def _adaptive(options: FloatArray, mixability: FloatArray) -> FloatArray:
    """AdaHedge's rate: infinite, which follows the leader, until mixing has lost something."""
    lost = mixability > 0
    return np.where(lost, options / np.where(lost, mixability, 1.0), np.inf)


def _draw(probabilities: FloatArray, rng: np.random.Generator) -> IntArray:
    """One action for each row of probabilities [..., A]; never one of probability 0."""
    ladder = np.cumsum(probabilities, axis=-1)
    # 1 − random lies in (0, 1], so a first action of probability 0 is passed by
    height = (1.0 - rng.random(ladder.shape[:-1]))[..., None] * ladder[..., -1:]
    return (ladder < height).sum(axis=-1).astype(np.int64)


def _logit(costs: FloatArray, temperature: float) -> FloatArray:
    least = costs.min(axis=-1, keepdims=True)
    if not np.isfinite(least).all():
        raise InvalidInput("every action of some player costs infinity: learning needs finite costs; raise capacities")
    weights = np.exp(-(costs - least) / temperature)
    return weights / weights.sum(axis=-1, keepdims=True)
