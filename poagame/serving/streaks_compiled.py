# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""The compiled recursion behind `poagame.serving.streaks`."""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled


@compiled
def run_law(p, streak, polls):  # pragma: no cover - compiled
    """[polls + 1] probability of `streak` successes in a row within 0 … polls trials."""
    law = np.zeros(polls + 1)
    run = p**streak
    for n in range(streak, polls + 1):
        # the first run ends at n: a failure before it, and no run before that
        law[n] = run if n == streak else law[n - 1] + (1.0 - law[n - streak - 1]) * (1.0 - p) * run
    return law
