"""What a broken law says: the law, its two sides, the game as code, and who pays what at the profile that breaks it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn, cast

import hypothesis
import numpy as np
from hypothesis.errors import InvalidArgument
from numpy.typing import ArrayLike

from poagame._arrays import require
from poagame.errors import PoagameError
from poagame.games.congestion import CongestionGame
from poagame.games.network import NetworkRouting
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
        The two sides; neither NaN.
    law : str
        What is claimed, for people.

    Raises
    ------
    LawBroken
        If value > limit.
    InvalidInput
        If a side is NaN.

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
    require(
        not np.isnan(value) and not np.isnan(limit), f"{law}: the sides are {value} and {limit}; neither may be NaN"
    )
    steer(value - limit, law)
    if value > limit + rtol * max(abs(value), abs(limit)) or (np.isinf(value) and value > limit):
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
    if hasattr(equilibrium, "profiles"):  # correlated: a law over profiles
        rows = [["profile", "probability"]]
        kept = np.argsort(-equilibrium.probabilities, kind="stable")[:MAX_ROWS]
        rows += [[str(equilibrium.profiles[k].tolist()), f"{equilibrium.probabilities[k]:.6g}"] for k in kept]
    else:  # a row of probabilities or of flow for each player
        what, table = ("strategy", "strategies") if hasattr(equilibrium, "strategies") else ("flow", "flow")
        rows = [["player", what]]
        rows += [
            [str(i), str(np.round(row, 6).tolist())] for i, row in enumerate(getattr(equilibrium, table)[:MAX_ROWS])
        ]
    return f"{columns(rows)}\noptimum {np.round(optimum.profile, 6).tolist()}"


def _action(game: FiniteGame, player: int, action: int) -> str:
    if isinstance(game, CongestionGame):
        chosen = np.flatnonzero(game.incidence[game.row_of[player], action]).tolist()
        return f"{action} {{{', '.join(map(str, chosen))}}}"
    return str(int(action))
