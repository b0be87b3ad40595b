"""Shared budgets: generalised and variational equilibria (Proposition 1), and the optimum (Remark 1)."""

from __future__ import annotations

from poagame.anarchy.splits import WELFARES, resource_anarchy
from poagame.certificates.generalised import certify_generalised
from poagame.games.attainment import Exponential, PrefillQueue, Quadratic
from poagame.games.resource import ResourceGame
from poagame.paper.record import Claim, Finding, Standing
from poagame.solvers.resource import generalised_equilibria, uniqueness, variational_equilibria

SAME = 1e-6
"""Ratios nearer to 1 than this are 1."""

TEXTBOOK = ResourceGame(1.0, Quadratic(1.0), Quadratic(0.5), least=0.0)
"""Costs (x − 1)² and (x − ½)², one GPU: all answers are known."""

QUEUES = ResourceGame(8.0, PrefillQueue(10.0, 200.0, 400.0), Exponential(2.0))
"""Prefill is a queue (a load of two workers), whose share in time is 0 up to its load, then steep, then flat."""

CONCAVE = ResourceGame(8.0, Exponential(2.0), Exponential(4.0))
EQUAL = ResourceGame(8.0, Exponential(2.0), Exponential(2.0))
"""Pools that are alike: halves are best for every welfare."""


def variational_is_unique(game: ResourceGame | None = None, shaped: ResourceGame | None = None) -> Finding:
    """All solutions with equal multipliers that a grid of the budget line tells apart, of a concave game and of one that is not."""
    game, shaped = game or TEXTBOOK, shaped or QUEUES
    interval = generalised_equilibria(game)
    found, others = variational_equilibria(game), variational_equilibria(shaped)
    concave, queue = uniqueness(game), uniqueness(shaped)
    figures: dict[str, float] = {
        "equilibria": float(len(found)),
        "generalised_low": interval.ends()[0, 0],
        "generalised_high": interval.ends()[-1, 0],
        "eigenvalue": concave.least_eigenvalue,
        "shaped_equilibria": float(len(others)),
        "shaped_eigenvalue": queue.least_eigenvalue,
    }
    if len(found) != 1:
        text = f"{game!r} has {len(found)} solutions with equal multipliers on a grid of the budget line."
        return Finding(Standing.FAILS, "instances", text, counterexample=game, figures=figures)
    x = found[0].x
    gain = -game.pseudogradient(x)
    figures |= {"x1": x[0], "x2": x[1], "multiplier_1": gain[0], "multiplier_2": gain[1]}
    text = (
        f"In {game!r} all splits with prefill at {figures['generalised_low']:.4g} to "
        f"{figures['generalised_high']:.4g} are generalised equilibria, and one is variational, ({x[0]:.4g}, "
        f"{x[1]:.4g}), where a GPU more is worth {gain[0]:.4g} to either pool. Rosen's theorem gives one for every "
        f"strictly monotone pseudogradient; here its least eigenvalue is {concave.least_eigenvalue:.3g}."
    )
    if len(others) == 1:
        return Finding(Standing.HOLDS, "instances", text, figures=figures)
    stable = sum(certify_generalised(shaped, one.x).holds for one in others)
    text += (
        f" Shares of requests in time are S-shaped in general: with prefill a queue there are {len(others)} such splits, {stable} of them "
        "generalised equilibria."
    )
    assumption = (
        "both pools' shares of requests in time are strictly concave in their GPUs (a queue's is not near its load)"
    )
    return Finding(Standing.HOLDS_UNDER, "theorem", text, assumption, shaped, figures=figures)


def not_the_optimum(game: ResourceGame | None = None) -> Finding:
    """The variational equilibrium's cost over the best split's, for each welfare."""
    game = game or CONCAVE
    ratios = {w: resource_anarchy(game.with_welfare(w)) for w in WELFARES}
    figures = {f"variational_{w}": found.variational for w, found in ratios.items()}
    figures |= {f"worst_{w}": found.poa for w, found in ratios.items()}
    told = ", ".join(f"{found.variational:.4g} ({w})" for w, found in ratios.items())
    worst = ", ".join(f"{found.poa:.4g} ({w})" for w, found in ratios.items())
    text = (
        f"In {game!r} the variational equilibrium costs {told} times as much as the best split, the worst "
        f"generalised equilibrium {worst}. For the sum of both pools' costs the variational equilibrium is the best "
        "split whenever attainments are concave and neither depends on the other's GPUs, as it then maximises the "
        "sum (own remark); for goodput and for the worse of both it is not."
    )
    if max(found.variational for found in ratios.values()) > 1.0 + SAME:
        return Finding(Standing.HOLDS, "instances", text, figures=figures)
    decides = "a game in which they differ"
    return Finding(Standing.UNDECIDED, "instances", text, decided_by=decides, figures=figures)


CLAIMS = (
    Claim(
        "variational-unique",
        "Pools that share a budget have one variational equilibrium, with equal marginal improvement a GPU.",
        "Prop 1 (S), on games of ours (I)",
        variational_is_unique,
    ),
    Claim(
        "variational-not-optimal",
        "The variational equilibrium is not the social optimum in general.",
        "Remark 1 (P: its title)",
        not_the_optimum,
    ),
)
