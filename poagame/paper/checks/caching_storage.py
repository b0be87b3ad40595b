"""Selfish caching with limited storage: what more of it does on clusters, and what happens as it fills (Proposition 5)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poagame.anarchy import price_of_anarchy
from poagame.anarchy.paradox import more_storage, search_paradox
from poagame.anarchy.pressure import pressure_curve
from poagame.games import instances, topologies
from poagame.games.caching import CachingGame
from poagame.games.hierarchy import kv_tiers
from poagame.paper.record import Claim, Finding, Standing

RECOMPUTED = 96_000.0
"""µs to compute a block of 512 tokens anew: half of a measured TTFT of 1,024 tokens (B200, Llama-3.1-70B, fp8, four GPUs)."""

CERTAIN = 1.0 + 1e-9
"""Ratios up to this are 1 but for rounding."""


def one_place_more(before: CachingGame | None = None, after: CachingGame | None = None) -> Finding:
    """All pure equilibria of a small cluster, without and with a place at one GPU."""
    less = instances.cluster_paradox(False) if before is None else before
    more = instances.cluster_paradox(True) if after is None else after
    assert more.capacity is not None
    change = more_storage(less, more.capacity)
    old, new = change.equilibria_before, change.equilibria_after
    figures = {
        "less_best": old.best_cost,
        "less_worst": old.worst_cost,
        "less_optimum": old.optimum_cost,
        "more_best": new.best_cost,
        "more_worst": new.worst_cost,
        "more_optimum": new.optimum_cost,
    }
    text = (
        f"Two nodes of two GPUs, three blocks, one place at each GPU but one: equilibria cost {old.best_cost:g} to {old.worst_cost:g}. "
        f"With a place there, too, {new.best_cost:g} to {new.worst_cost:g}, while the optimum goes from {old.optimum_cost:g} to "
        f"{new.optimum_cost:g}. All placements were looked at; the instance (poagame.instances.cluster_paradox) is ours."
    )
    if change.sure_ratio > CERTAIN:
        return Finding(Standing.HOLDS, "instances", text, figures=figures)
    decides = "a cluster whose cheapest equilibrium with more storage is dearer than the dearest with less"
    return Finding(Standing.UNDECIDED, "instances", text, decided_by=decides, figures=figures)


def twice_the_places(inter: float = 10.0, asked: int = 60, games: int = 40) -> Finding:
    """Exact extremes with one place and with two at every GPU, and a search among smaller clusters."""
    one, two = (price_of_anarchy(instances.doubling_cluster(places, inter, asked=asked)) for places in (1, 2))
    search = search_paradox("double", games=games)
    figures = {
        "one_best": one.best.social_cost,
        "one_worst": one.worst.social_cost,
        "two_best": two.best.social_cost,
        "two_worst": two.worst.social_cost,
        "one_optimum": one.optimum.social_cost,
        "two_optimum": two.optimum.social_cost,
        "games": float(search.num_games),
        "games_dearer": float(search.num_sure),
    }
    text = (
        f"Two nodes of three GPUs, eleven blocks, reading costs 1 within and {inter:g} across, a miss 30: with one place at each GPU "
        f"equilibria cost {one.best.social_cost:g} to {one.worst.social_cost:g}, with two {two.best.social_cost:g} to "
        f"{two.worst.social_cost:g}, while the optimum goes from {one.optimum.social_cost:g} to {two.optimum.social_cost:g} (integer "
        f"programmes; the instance, poagame.instances.doubling_cluster, is ours). Among {search.num_games} games on clusters of two "
        f"by two with three blocks a search finds {search.num_sure or 'none'} like it."
    )
    if not (one.exact and two.exact and two.best.social_cost > one.worst.social_cost * CERTAIN):
        decides = "a cluster whose cheapest equilibrium with twice the places is dearer than the dearest with one"
        return Finding(Standing.UNDECIDED, "instances", text, decided_by=decides, figures=figures)
    text += (
        " By dominance there is one equilibrium each: second places go to blocks that a neighbour's first place held for all; with copies "
        "across at hand the neighbours drop theirs for others, and who read from them reads across, its own second place taken by what is "
        "worth a little more to it. As that one GPU asks for more the factor nears 2r/(2 + r), r = inter over intra: below 2 here."
    )
    return Finding(Standing.HOLDS, "theorem", text, figures=figures)


def transition(
    multiples: Sequence[float] = (0.75, 0.99, 1.5, 30.0),
    miss_cost: float = RECOMPUTED,
    sessions: int = 100,
    seed: int = 0,
    rise: float = 1.25,
) -> Finding:
    """Bounds on the price of anarchy where each GPU holds what it reads, and at multiples of the pressure at which the pool is full."""
    nodes, gpus = 2, 4
    access = float(kv_tiers().access[0])
    distance = topologies.two_level(nodes, gpus).distance
    game = instances.caching_sessions(distance, sessions=sessions, access=access, miss_cost=miss_cost, seed=seed)
    demand = np.asarray(game.demand)
    reads = (demand > 0).sum(axis=1)
    blocks = int((demand > 0).any(axis=0).sum())
    full = float(reads.sum()) / blocks
    # a hair below, so that rounding leaves a place for every block
    fits = (1.0 - 1e-6) * float(reads.mean() / reads.max())
    curve = pressure_curve(game, [fits, *(full * m for m in multiples)], starts=4, seed=seed)
    low = np.where(curve.converged > 0, curve.worst_ratio, 1.0)
    most = -np.sort(-demand, axis=1)
    alone = [access * most[:, :c].sum() + miss_cost * most[:, c:].sum() for c in curve.capacity]
    high = np.array(alone) / curve.optimum_low
    figures = {"blocks": float(blocks), "gap": float((1.0 - curve.optimum_low / curve.optimum_cost).max())}
    for name, least, largest in zip(("fits", *(f"{m:g}" for m in multiples)), low, high, strict=True):
        figures |= {f"low_{name}": float(least), f"high_{name}": float(largest)}
    shares = [f"{100.0 / m:.0f}" if m > 0.1 else f"{100.0 / m:.3g}" for m in multiples]
    between = ", ".join(f"{a:.3f}–{b:.3g}" for a, b in zip(low[1:], high[1:], strict=True))
    text = (
        f"{sessions} synthetic sessions ({blocks:,} blocks) routed blindly over {nodes} nodes of {gpus} GPUs, links and HBM as published, "
        f"a miss {miss_cost:,.0f} µs, places free but few. Optima are exact (relative gap {max(figures['gap'], 1e-12):.0e} or less); the "
        "price of anarchy lies between the worst certified equilibrium found over the optimum and what all would pay without peers over "
        "it, as nobody pays more in equilibrium. Where each GPU has room for what it reads it is 1 "
        f"(at most {high[0]:.9f}). With all places together for {', '.join(shares)} % of the blocks: {between}."
    )
    if (high <= CERTAIN).all():
        pairs = [(float(p), float(h)) for p, h in zip(curve.pressure, high, strict=True)]
        return Finding(Standing.FAILS, "drawn games", text, counterexample=pairs, figures=figures)
    top = int(low.argmax())
    if high[0] > CERTAIN or low[top] < rise or high[-1] >= low[top]:
        decides = "equilibria well above the optimum where the pool is full, and bounds that show where they are not"
        return Finding(Standing.UNDECIDED, "drawn games", text, decided_by=decides, figures=figures)
    text += (
        " So there is a rise with a top about where the pool is full, and then the loss passes, as all must recompute: the same shape as a "
        "worker's near its capacity beside a constant link (anarchy-at-capacity). A price of anarchy that stays high it is not. Where a "
        "miss costs less than any read from a peer there is no rise at all."
    )
    assumption = (
        "a transition is read as Prop 4's of routing: 1 below saturation, well above at it (the proposition's own form is not known), what "
        "saturates is the pool of all GPUs' places, and a miss costs far more than a read from a peer"
    )
    return Finding(Standing.HOLDS_UNDER, "drawn games", text, assumption, figures=figures)


CLAIMS = (
    Claim(
        "cache-paradox-clusters",
        "On a two-level cluster, too, one more place can make every equilibrium of selfish caching dearer.",
        "our own (I), after Ma, Yeh and Huang's paradox",
        one_place_more,
    ),
    Claim(
        "cache-paradox-double",
        "Twice the storage at every GPU of a two-level cluster can make every equilibrium of selfish caching dearer.",
        "our own (I)",
        twice_the_places,
    ),
    Claim(
        "caching-transition",
        "The caching game has a transition like the routing game's.",
        "Prop 5 (P: its title), by a reading of ours (I)",
        transition,
    ),
)
