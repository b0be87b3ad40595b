"""A counterexample printed is code: it rebuilds a game, a latency or numbers."""

from __future__ import annotations

import poagame as pg
from poagame.latency.log_periodic import LogPeriodic
from poagame.latency.stacked import Stacked
from poagame.paper import Verdict

_NAMES = {
    **vars(pg),
    **vars(pg.latency),
    **vars(pg.games),
    "Stacked": Stacked,
    "LogPeriodic": LogPeriodic,
}


def is_code(verdict: Verdict) -> bool:
    """Whether there is a counterexample; fails where its repr does not rebuild it."""
    if verdict.counterexample is None:
        return False
    code = repr(verdict.counterexample)
    assert repr(eval(code, dict(_NAMES))) == code
    return True
