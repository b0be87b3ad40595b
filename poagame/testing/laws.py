r"""Laws that a game or a profile keeps, for property tests: each raises `LawBroken` with the game as code and a table.

Inside a Hypothesis test the laws that compare numbers also steer: `hypothesis.target` is told how near the game came to breaking them, so
that the search drifts to bad games. Where a game says nothing about a law (its ratio is undefined, or what is known is too coarse) the
example is rejected there, and `UndefinedRatio`, `NoEquilibrium` or `Undecided` is raised elsewhere; nothing passes in silence.

.. [roughgarden2015] Roughgarden: Intrinsic robustness of the price of anarchy, Journal of the ACM 62 (2015).
.. [monderer1996] Monderer, Shapley: Potential games, Games and Economic Behavior 14 (1996).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, require
from poagame.certificates import certify_flow, certify_nash, potential_violation
from poagame.certificates.flow import FlowCertificate
from poagame.certificates.nash import NashCertificate, gain_scale
from poagame.errors import TooLarge
from poagame.games.congestion import CongestionGame
from poagame.games.network import NetworkRouting
from poagame.games.protocols import (
    FiniteGame,
    as_finite,
    as_profile,
    batch_action_costs,
    batch_social_cost,
    num_profiles_exceed,
)
from poagame.games.routing import RoutingGame
from poagame.solvers.optimum import Optimum, social_optimum
from poagame.testing.broken import (
    Undecided,
    broken,
    checked_rtol,
    columns,
    deviations,
    edges,
    no_evidence,
    steer,
)

MAX_PAIRS = 20_000_000
"""Most pairs of profiles that `assert_smooth` looks at (a second or two)."""

ROUNDING = 64 * np.finfo(np.float64).eps
"""Relative error of a cost or potential that is a sum of some terms."""

MAX_COSTS = 20_000_000
"""Most costs N · A · A^N that laws over all profiles tabulate (160 MB)."""


def assert_nash(game: FiniteGame, profile: ArrayLike) -> NashCertificate:
    """Law: `profile` [N] is a pure Nash equilibrium, up to the rounding that `certify_nash` allows.

    Raises
    ------
    LawBroken
        With the player that gains most by a deviation.
    InvalidInput
        As `certify_nash`.

    Examples
    --------
    >>> import poagame as pg
    >>> links = pg.CongestionGame(pg.latency.Polynomial([[0.0, 1.0], [0.0, 1.0]]), [[[0], [1]], [[0], [1]]])
    >>> assert_nash(links, [0, 0])
    Traceback (most recent call last):
        ...
    poagame.testing.broken.LawBroken: broken: the profile is a Nash equilibrium
    player 0 gains 1 by action 1
    <BLANKLINE>
    CongestionGame(Polynomial(coefficients=[[0.0, 1.0], [0.0, 1.0]]), actions=[[[0], [1]], [[0], [1]]])
    <BLANKLINE>
    player  profile  pays  best deviation  would pay
    0       0 {0}    2     1 {1}           1
    1       0 {0}    2     1 {1}           1
    all              4
    """
    found = certify_nash(game, profile)
    steer(found.max_regret, "regret")
    if not found.holds:
        sides = f"player {found.player} gains {found.max_regret:.10g} by action {found.action}"
        raise broken("the profile is a Nash equilibrium", sides, game, deviations(game, profile))
    return found


def assert_wardrop(game: NetworkRouting, load: ArrayLike, rtol: float = 1e-9) -> FlowCertificate:
    """Law: `load` [E] carries the demand at a relative gap (total − shortest)/total of at most `rtol`.

    Raises
    ------
    LawBroken
        With the gap and a table of edges.
    InvalidInput
        As `certify_flow`, or if the game is no network.
    """
    require(isinstance(game, NetworkRouting), f"assert_wardrop is for a NetworkRouting; got {type(game).__name__}")
    found = certify_flow(game, load, checked_rtol(rtol))
    if not found.holds:
        raise broken("the load is a Wardrop equilibrium", str(found), game, edges(game, load, "load"))
    return found


def assert_optimal(game: FiniteGame, profile: ArrayLike, rtol: float = 1e-9) -> Optimum:
    """Law: no profile of a finite game costs less than `profile` [N] does, up to `rtol`.

    Raises
    ------
    LawBroken
        With a cheaper profile beside it.
    Undecided
        If none is known and none is excluded (the optimum is only known between bounds).
    InvalidInput, TooLarge
        As `social_optimum`.
    """
    s = as_profile(as_finite(game, "assert_optimal"), profile)
    rtol = checked_rtol(rtol)
    best = social_optimum(game)
    cost = float(game.social_cost(s))
    law = "no profile costs less"
    slack = rtol * max(abs(cost), abs(best.social_cost)) if np.isfinite([cost, best.social_cost]).all() else 0.0
    if cost > best.social_cost + slack:
        sides = f"it costs {cost:.10g}, another one {best.social_cost:.10g}"
        raise broken(law, sides, game, deviations(game, s, "profile", best.profile))
    if cost > best.lower_bound + slack:
        no_evidence(Undecided(f"{law}: it costs {cost:g}, and the optimum is only known to be ≥ {best.lower_bound:g}"))
    return best


def assert_smooth(game: FiniteGame, lam: float, mu: float, rtol: float = 1e-9) -> None:
    r"""Law: the game is (λ, μ)-smooth [roughgarden2015]_, looked at on every pair of profiles s, s*.

    .. math:: \sum_i C_i(s^*_i, s_{-i}) \le \lambda\, C(s^*) + \mu\, C(s),

    with :math:`C_i = w_i c_i` where players have weights. As social costs are sums of the :math:`C_i` (or less), every coarse correlated
    equilibrium then costs at most λ/(1 − μ) times the optimum, if μ < 1. Steers towards a large left side.

    Raises
    ------
    LawBroken
        With the pair that misses by most.
    InvalidInput
        If λ or μ is not finite, `rtol` is not in [0, 1), or C exceeds :math:`\sum_i C_i` somewhere: smoothness then says nothing about
        the price of anarchy.
    TooLarge
        If the game has more than `MAX_PAIRS` pairs of profiles.
    Undecided
        If every profile costs infinity; inside a Hypothesis test the example is rejected.

    Examples
    --------
    >>> import poagame as pg
    >>> assert_smooth(pg.instances.affine_atomic_worst_case(), 5 / 3, 1 / 3)
    """
    require(bool(np.isfinite([lam, mu]).all()), f"lam and mu must be finite numbers; got {lam} and {mu}")
    rtol = checked_rtol(rtol)
    game = as_finite(game, "assert_smooth")
    players, actions = game.num_players, game.num_actions
    if 2 * players * np.log(actions) > np.log(MAX_PAIRS):
        raise TooLarge(
            f"{actions}^{players} profiles are more than {MAX_PAIRS:,} pairs; test a game with fewer players or actions"
        )
    profiles, costs = _all_costs(game)
    shares = costs * _shares(game)[:, None]
    total = batch_social_cost(game, profiles)
    paid = np.take_along_axis(shares, profiles[:, :, None], axis=2)[:, :, 0].sum(axis=1)
    real = np.isfinite(total)  # profiles of actions that players have, within capacities
    if not real.any():
        no_evidence(
            Undecided(
                f"every profile of this {type(game).__name__} costs infinity, so smoothness says nothing; raise capacities"
            )
        )
    profiles, shares, total, paid = profiles[real], shares[real], total[real], paid[real]
    excess = total > paid + 1e-9 * np.maximum(np.abs(total), np.abs(paid))
    require(
        not excess.any(),
        f"the social cost of {type(game).__name__} exceeds the sum of what the players pay, so smoothness bounds nothing",
    )
    chosen = (profiles[:, :, None] == np.arange(actions)).reshape(len(profiles), -1).T.astype(np.float64)
    flat = shares.reshape(len(profiles), -1)
    # [s, s*]: what players would pay who move to s* one at a time
    left = np.where(np.isfinite(flat), flat, 0.0) @ chosen
    left = np.where(np.isinf(flat).astype(np.float64) @ chosen > 0, np.inf, left)
    right = lam * total[None, :] + mu * total[:, None]
    scale = abs(lam) * np.abs(total)[None, :] + abs(mu) * np.abs(total)[:, None] + gain_scale(game)
    over = left - right
    steer(float(np.max(over / np.where(scale > 0, scale, 1.0))), "smoothness")
    missing = over > rtol * (scale + np.where(np.isfinite(left), np.abs(left), 0.0))
    if missing.any():
        at = np.unravel_index(int(np.where(missing, over, -np.inf).argmax()), over.shape)
        s, other = profiles[at[0]], profiles[at[1]]
        sides = (
            f"{left[at]:.10g} > {lam:.10g} · {total[at[1]]:.10g} + {mu:.10g} · {total[at[0]]:.10g} = {right[at]:.10g}\n"
            f"at s = {s.tolist()} and s* = {other.tolist()}"
        )
        raise broken(f"the game is ({lam:.10g}, {mu:.10g})-smooth", sides, game, deviations(game, s, "s", other))


def assert_exact_potential(
    game: FiniteGame, potential: Callable[[IntArray], float] | None = None, rtol: float = 1e-9
) -> None:
    """Law: the game has an exact potential [monderer1996]_; or `potential` is one.

    Without a function, the deviators' cost changes around every four-cycle add to zero. With one, its change at every move of one player
    is that player's change of cost, up to `rtol` of the changes and the rounding of the numbers themselves, over all profiles (those at
    which somebody pays infinity left out).

    Parameters
    ----------
    game : FiniteGame
    potential : callable, optional
        Profile [N] → number, finite wherever all pay finite costs; asked nowhere else.
    rtol : float
        Without a function, relative to the costs on a four-cycle, as in `potential_violation`.

    Raises
    ------
    LawBroken
        With the four-cycle, or the move, that misses by most.
    InvalidInput
        If the function gives NaN or infinity; if costs are infinite at actions that players have and no function is given; or if
        `rtol` is not in [0, 1).
    TooLarge
        If there are more than `MAX_COSTS` costs.
    Undecided
        If players have several actions and no move has finite costs before and after; inside a Hypothesis test the example is rejected.
    """
    rtol = checked_rtol(rtol)
    game = as_finite(game, "assert_exact_potential")
    if potential is None:
        _every_four_cycle(game, rtol)
        return
    profiles, costs = _all_costs(game)
    now = np.take_along_axis(costs, profiles[:, :, None], axis=2)
    real = np.asarray(np.isfinite(now).all(axis=(1, 2)))
    values = np.full(len(profiles), np.nan)
    values[real] = [float(potential(s)) for s in profiles[real]]
    wrong = real & ~np.isfinite(values)
    require(
        not wrong.any(),
        f"the potential must be finite where all pay finite costs; it is {values[wrong.argmax()]} at {profiles[wrong.argmax()].tolist()}",
    )
    players, actions = game.num_players, game.num_actions
    strides = actions ** np.arange(players - 1, -1, -1)
    at = np.arange(len(profiles))[:, None, None]
    moved = at + (np.arange(actions) - profiles[:, :, None]) * strides[:, None]  # [M, N, A]: the profile after the move
    known = real[at] & real[moved] & (moved != at)
    if actions > 1 and not known.any() or not real.any():
        no_evidence(
            Undecided(f"no move in this {type(game).__name__} has finite costs before and after; raise capacities")
        )
    before, after = (np.where(known, x, 0.0) for x in (np.broadcast_to(now, known.shape), costs))
    low, high = (np.where(known, values[x], 0.0) for x in (np.broadcast_to(at, known.shape), moved))
    change, step = after - before, high - low
    rounding = ROUNDING * sum(np.abs(x) for x in (before, after, low, high)) + ROUNDING * gain_scale(game)
    slack = rtol * np.maximum(np.abs(change), np.abs(step)) + rounding
    off = np.where(np.abs(change - step) > slack, np.abs(change - step), 0.0)
    if off.any():
        m, i, a = np.unravel_index(int(off.argmax()), off.shape)
        sides = f"player {i} moves to action {a}: its cost changes by {change[m, i, a]:.10g}, the potential by {step[m, i, a]:.10g}"
        raise broken("the function is an exact potential", sides, game, deviations(game, profiles[m]))


def _every_four_cycle(game: FiniteGame, rtol: float) -> None:
    cycle = potential_violation(game, rtol)
    if cycle is None:
        return
    rows, total, at = [["profile", "mover", "pays", "moves to", "pays", "change"]], 0.0, np.array(cycle.start)
    (i, j), (a, b) = cycle.players, cycle.actions
    for mover, to in ((i, a), (j, b), (i, cycle.start[i]), (j, cycle.start[j])):
        costs = game.action_costs(at)[mover]
        change = float(costs[to] - costs[at[mover]])
        total += change
        rows.append(
            [str(at.tolist()), str(mover), f"{costs[at[mover]]:.6g}", str(to), f"{costs[to]:.6g}", f"{change:+.6g}"]
        )
        at[mover] = to
    sides = f"the movers' cost changes around a four-cycle add to {total:.10g}, not to 0"
    raise broken("the game has an exact potential", sides, game, columns(rows))


def _all_costs(game: FiniteGame) -> tuple[IntArray, FloatArray]:
    """All profiles [M, N] in the order of their numbers to base A, and action costs [M, N, A]."""
    players, actions = game.num_players, game.num_actions
    if num_profiles_exceed(game, MAX_COSTS, players * actions):
        raise TooLarge(
            f"all profiles hold N·A·A^N = {players}·{actions}·{actions}^{players} costs; the limit is {MAX_COSTS:,}. "
            "Test a game with fewer players of the same kind"
        )
    shape = (actions,) * players
    profiles = np.stack(np.unravel_index(np.arange(actions**players), shape), axis=1).astype(np.int64)
    return profiles, batch_action_costs(game, profiles)


def _shares(game: FiniteGame) -> FloatArray:
    """[N]: what one unit of a player's cost adds to the social cost."""
    weighted = isinstance(game, RoutingGame) or (isinstance(game, CongestionGame) and game.objective == "total")
    return np.asarray(game.weights) if weighted else np.ones(game.num_players)  # pyright: ignore[reportAttributeAccessIssue]
