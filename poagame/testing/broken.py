"""What a broken law says: the law, its two sides, the game as code, and who pays what at the profile that breaks it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn, cast

import hypothesis
import numpy as np
from hypothesis.errors import InvalidArgument
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, require
from poagame.errors import PoagameError
from poagame.games.checks import is_number
from poagame.games.congestion import CongestionGame
from poagame.games.network import NetworkRouting
from poagame.games.normal_form import NormalFormGame
from poagame.games.protocols import FiniteGame, as_finite, as_profile, checked_costs

MAX_ROWS = 30
"""Most players (or edges) that a table shows."""


class LawBroken(AssertionError):
    """A game that breaks a law. An assertion, so that Hypothesis shrinks the game."""


class Undecided(PoagameError):
    """What is known of a game neither breaks a law nor shows that it holds. Inside a Hypothesis test the example is rejected instead."""


def broken(law: str, sides: str, game: object, table: str = "") -> LawBroken:
    """The error that says so in full."""
    blocks = [f"broken: {law}\n{sides}", repr(game), table]
    return LawBroken("\n\n".join(block for block in blocks if block))


def no_evidence(error: PoagameError) -> NoReturn:
    """Reject the example of a Hypothesis test; elsewhere raise `error`.

    Hypothesis counts rejected examples, draws others in their place, and fails the test ("unsatisfiable", or the health check
    `filter_too_much`) where too few are left: a law that says nothing about any game never passes in silence.
    """
    if hypothesis.currently_in_test_context():
        hypothesis.event(f"no evidence: {type(error).__name__}")
        hypothesis.reject()
    raise error


def checked_rtol(rtol: object) -> float:
    """A relative tolerance of a law.

    Raises
    ------
    InvalidInput
        If it is no number in [0, 1): NaN or 1 would let everything pass.
    """
    number: Any = rtol
    require(is_number(number) and 0 <= number < 1, f"rtol must be a number of at least 0 and below 1; got {rtol!r:.80}")
    return float(number)


def steer(value: float, label: str) -> None:
    """Tell Hypothesis to search for games with more of this; silent outside of its tests."""
    if hypothesis.currently_in_test_context() and np.isfinite(value):
        with suppress(InvalidArgument):  # a second law of the same name in one example: the first one steers
            hypothesis.target(float(value), label=label)


def assert_at_most(game: object, value: float, limit: float, law: str, rtol: float = 1e-9) -> None:
    """Law of a user's own: a number measured on `game` is at most another, up to `rtol` of the larger. Steers towards large excess.

    Parameters
    ----------
    game
        Printed as code if the law is broken.
    value, limit : float
        The two sides; infinite ones are compared as they are.
    law : str
        What is claimed, for people.

    Raises
    ------
    LawBroken
        If value > limit.
    InvalidInput
        If a side is NaN or no number, or `rtol` is not in [0, 1).

    Examples
    --------
    >>> import poagame as pg
    >>> game = pg.NetworkRouting.parallel(pg.latency.Polynomial([[1.0, 0.0], [0.0, 1.0]]), 1.0)
    >>> assert_at_most(game, 2.0, 1.0, "two is at most one")
    Traceback (most recent call last):
        ...
    poagame.testing.broken.LawBroken: broken: two is at most one
    2 > 1
    <BLANKLINE>
    NetworkRouting(Polynomial(coefficients=[[1.0, 0.0], [0.0, 1.0]]), [0, 0], [1, 1], [0], [1], [1.0], 2)
    """
    rtol = checked_rtol(rtol)
    both: Any = (value, limit)
    require(
        all(is_number(side) and not np.isnan(side) for side in both),
        f"{law}: the sides must be two numbers and not NaN; got {value!r:.80} and {limit!r:.80}",
    )
    slack = 0.0
    if np.isfinite(both).all():
        steer(value - limit, law)
        slack = rtol * max(abs(value), abs(limit))
    if value > limit and value > limit + slack:
        raise broken(law, f"{value:.10g} > {limit:.10g}", game)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text as aligned columns, the first of them as heading."""
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def deviations(game: FiniteGame, profile: ArrayLike, name: str = "profile", optimum: ArrayLike | None = None) -> str:
    """Table of each player's action and cost at `profile`, its best deviation, and, where given, the optimum beside it."""
    s = as_profile(as_finite(game, "a table"), profile)
    costs = checked_costs(game, game.action_costs(s))
    others = costs.copy()
    np.put_along_axis(others, s[:, None], np.inf, axis=1)
    heading = ["player", name, "pays", "best deviation", "would pay"]
    rows = [heading]
    best = None if optimum is None else as_profile(game, optimum)
    paid = None if best is None else checked_costs(game, game.action_costs(best))
    if best is not None:
        heading += ["optimum", "pays"]
    for i in range(min(len(s), MAX_ROWS)):
        to = int(others[i].argmin())
        alone = not np.isfinite(others[i, to])
        row = [str(i), _action(game, i, s[i]), f"{costs[i, s[i]]:.6g}"]
        row += ["-", "-"] if alone else [_action(game, i, to), f"{others[i, to]:.6g}"]
        if best is not None and paid is not None:
            row += [_action(game, i, best[i]), f"{paid[i, best[i]]:.6g}"]
        rows.append(row)
    if len(s) > MAX_ROWS:
        rows.append([f"… {len(s) - MAX_ROWS} more", *[""] * (len(heading) - 1)])
    total = ["all", "", f"{game.social_cost(s):.6g}", "", ""]
    rows.append(total + ([] if best is None else ["", f"{game.social_cost(best):.6g}"]))
    return columns(rows)


def edges(game: NetworkRouting, load: ArrayLike, name: str, optimum: ArrayLike | None = None) -> str:
    """Table of the load and latency of each edge, and, where given, of the optimum beside them."""
    flows = [np.asarray(load, dtype=np.float64)] + ([] if optimum is None else [np.asarray(optimum, dtype=np.float64)])
    rows = [["edge", name, "latency", "optimum", "latency"][: 1 + 2 * len(flows)]]
    costs = [np.asarray(game.edge_cost(x)) for x in flows]
    for e in range(min(game.num_edges, MAX_ROWS)):
        ends = f"{game.node_name(int(game.tail[e]))} -> {game.node_name(int(game.head[e]))}"
        cells = [f"{v:.6g}" for x, cost in zip(flows, costs, strict=True) for v in (x[e], cost[e])]
        rows.append([ends, *cells])
    if game.num_edges > MAX_ROWS:
        rows.append([f"… {game.num_edges - MAX_ROWS} more", *[""] * (2 * len(flows))])
    rows.append(["all", *[cell for x in flows for cell in ("", f"{game.social_cost(x):.6g}")]])
    return columns(rows)


def beside_optimum(game: Any, equilibrium: Any, optimum: Any) -> str:
    """Table of an equilibrium of any concept beside the optimum."""
    if isinstance(game, NetworkRouting):
        return edges(game, equilibrium.load, "equilibrium", optimum.profile)
    if hasattr(equilibrium, "profile"):
        return deviations(cast(FiniteGame, game), equilibrium.profile, "equilibrium", optimum.profile)
    if hasattr(equilibrium, "profiles"):
        return _joint(game, equilibrium, optimum)
    if hasattr(equilibrium, "strategies"):
        strategies = equilibrium.strategies
        pays = (NormalFormGame.of(game).expected_action_costs(strategies) * strategies).sum(axis=1)
        choices = [_action(game, i, int(a)) for i, a in enumerate(optimum.profile)]
        return _rows("strategy", strategies, pays, equilibrium, choices, _paid(game, optimum.profile), optimum)
    flows = [str(np.round(row, 6).tolist()) for row in optimum.profile]
    pays, paid = game.player_costs(equilibrium.flow), game.player_costs(optimum.profile)
    return _rows("flow", equilibrium.flow, pays, equilibrium, flows, paid, optimum)


def _joint(game: FiniteGame, equilibrium: Any, optimum: Any) -> str:
    """Table of a correlated equilibrium: likely profiles first, what each player pays at them, in the mean, and at the optimum."""
    listed = range(min(game.num_players, MAX_ROWS))
    rows = [["profile", "probability", *(f"{i} pays" for i in listed), "all"]]
    costs = np.array([_paid(game, s) for s in equilibrium.profiles])
    order = np.argsort(-equilibrium.probabilities, kind="stable")
    lines = [
        (
            str(equilibrium.profiles[k].tolist()),
            equilibrium.probabilities[k],
            costs[k],
            game.social_cost(equilibrium.profiles[k]),
        )
        for k in order[:MAX_ROWS]
    ]
    lines.append(("mean", 1.0, equilibrium.probabilities @ costs, equilibrium.social_cost))
    lines.append((f"optimum {optimum.profile.tolist()}", None, _paid(game, optimum.profile), optimum.social_cost))
    for name, share, paid, total in lines:
        chance = "" if share is None else f"{share:.6g}"
        rows.append([name, chance, *(f"{paid[i]:.6g}" for i in listed), f"{total:.6g}"])
    return columns(rows)


def _rows(what: str, chosen: Any, pays: Any, equilibrium: Any, optima: Sequence[str], paid: Any, optimum: Any) -> str:
    """Table of a row of probabilities or of flow for each player, what it pays, and the optimum beside it."""
    rows = [["player", what, "pays", "optimum", "pays"]]
    for i in range(min(len(chosen), MAX_ROWS)):
        rows.append([str(i), str(np.round(chosen[i], 6).tolist()), f"{pays[i]:.6g}", optima[i], f"{paid[i]:.6g}"])
    if len(chosen) > MAX_ROWS:
        rows.append([f"… {len(chosen) - MAX_ROWS} more", "", "", "", ""])
    rows.append(["all", "", f"{equilibrium.social_cost:.6g}", "", f"{optimum.social_cost:.6g}"])
    return columns(rows)


def _paid(game: FiniteGame, profile: Any) -> FloatArray:
    """[N]: what each player pays at a pure profile."""
    costs = checked_costs(game, game.action_costs(profile))
    return np.take_along_axis(costs, np.asarray(profile)[:, None], axis=1)[:, 0]


def _action(game: FiniteGame, player: int, action: int) -> str:
    if isinstance(game, CongestionGame):
        chosen = np.flatnonzero(game.incidence[game.row_of[player], action]).tolist()
        return f"{action} {{{', '.join(map(str, chosen))}}}"
    return str(int(action))
