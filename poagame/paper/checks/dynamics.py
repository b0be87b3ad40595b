"""The router as best-response dynamics: does placing each request where it costs least end in an equilibrium?"""

from __future__ import annotations

import numpy as np

from poagame.games import RoutingGame
from poagame.latency import Polynomial
from poagame.paper.checks.potential import Draw, static_game
from poagame.paper.record import Claim, Finding, Standing
from poagame.solvers import equilibrium

CROWDED = RoutingGame(Polynomial([[10.0, 2.0]]), [[1.0, 0.0], [8.0, 0.0]], 1.0)
"""The first request takes worker 0 for a small overlap, the second for a large one; then the first would rather leave."""


def sequential_placement(
    draw: Draw = static_game, once: RoutingGame = CROWDED, games: int = 200, seed: int = 0
) -> Finding:
    """Requests placed one by one at least cost, then moved in turn until none gains: where does it end, and after how many moves?"""
    rng = np.random.default_rng(seed)
    drawn = [draw(rng) for _ in range(games)]
    # without a start the requests of a routing game arrive by number, each to its cheapest worker given those before it
    ends = [equilibrium(game) for game in drawn]
    reached = [end.certificate.holds for end in ends]
    at_once = sum(held and end.num_steps == 0 for held, end in zip(reached, ends, strict=True))
    crowded = equilibrium(once)
    figures = {
        "games": float(games),
        "reached": float(sum(reached)),
        "at_once": float(at_once),
        "moves": float(crowded.num_steps),
    }
    text = (
        f"Each request in turn to the worker where ℓ_j(n_j) − ω·o_ij is least, then again until none gains: {sum(reached)} of {games} "
        f"drawn games end in a certified equilibrium, {at_once} of them as soon as all have been placed once."
    )
    if not all(reached):
        return Finding(Standing.FAILS, "drawn games", text, counterexample=drawn[reached.index(False)], figures=figures)
    if at_once == games and crowded.num_steps == 0:
        return Finding(Standing.HOLDS, "drawn games", text, figures=figures)
    refuting = once if crowded.num_steps else next(g for g, end in zip(drawn, ends, strict=True) if end.num_steps)
    text += (
        " With fixed additive overlap each move lowers the exact potential, so the moves must end (Monderer and Shapley 1996); a router "
        "that places each request once, and never again, may stop short of it, as in the counterexample."
    )
    assumption = "overlap is fixed and additive, and requests are moved again until none gains"
    return Finding(Standing.HOLDS_UNDER, "theorem", text, assumption, refuting, figures=figures)


CLAIMS = (
    Claim(
        "router-best-response",
        "The router is best-response dynamics: placing each request in turn where it costs least ends in an equilibrium of Γ_R.",
        "Game 3, the router as best-response dynamics of a centralised mechanism (S); that it ends in an equilibrium is our reading (I)",
        sequential_placement,
    ),
)
