"""Selfish caching on a complete graph and on a line (Remark 2), and the cache paradox."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import as_floats
from poagame.anarchy import price_of_anarchy
from poagame.anarchy.growth import growth_exponent
from poagame.certificates import certify_nash
from poagame.games import NormalFormGame
from poagame.games.caching import CachingGame
from poagame.games.instances.placement import worst_on_line
from poagame.paper.record import Claim, Finding, Standing

HOPS = (4.0, 9.0, 13.0)
"""Cost from node 0 to the origin, from 1 to 0, from 2 to 1."""

RATES = ((2.0, 5.0), (4.0, 5.0), (7.0, 4.0))
"""Requests of each node for the two items."""


def line_game(
    with_cache: Sequence[bool], hops: Sequence[float] = HOPS, rates: Sequence[Sequence[float]] = RATES
) -> NormalFormGame:
    """Nodes on a line to an origin that holds both items; each node with a cache chooses the one item that it keeps.

    A request goes up the line to the first copy. Every node is a player; one without a cache has the same costs for both actions.
    """
    n = len(rates)
    costs = np.zeros((n, *(2,) * n))
    for profile in np.ndindex(*(2,) * n):
        for node in range(n):
            for item, rate in enumerate(rates[node]):
                paid = 0.0
                for at in range(node, -1, -1):
                    if with_cache[at] and profile[at] == item:
                        break
                    paid += hops[at]
                costs[(node, *profile)] += rate * paid
    return NormalFormGame(costs)


def more_cache(hops: Sequence[float] = HOPS, rates: Sequence[Sequence[float]] = RATES) -> Finding:
    """The line with and without a cache at node 0, all pure equilibria of both."""
    less = price_of_anarchy(line_game((False, True, True), hops, rates))
    more = price_of_anarchy(line_game((True, True, True), hops, rates))
    figures = {
        "less_best": less.best.social_cost,
        "less_worst": less.worst.social_cost,
        "more_best": more.best.social_cost,
        "more_worst": more.worst.social_cost,
        "more_optimum": more.optimum.social_cost,
    }
    text = (
        f"A line of three nodes to an origin, hop costs {', '.join(f'{h:g}' for h in hops)}, two items, caches of one item, rates "
        f"{', '.join(str(tuple(r)) for r in rates)}: with caches at nodes 1 and 2 the equilibria cost {less.best.social_cost:g} to "
        f"{less.worst.social_cost:g}; with one at node 0 too, {more.best.social_cost:g} to {more.worst.social_cost:g}, though the "
        f"optimum falls to {more.optimum.social_cost:g}. All profiles were looked at; the instance is ours."
    )
    if more.best.social_cost > less.worst.social_cost * (1.0 + 1e-9):
        return Finding(Standing.HOLDS, "instances", text, figures=figures)
    decides = "an instance whose cheapest equilibrium with the cache is dearer than the dearest without"
    return Finding(Standing.UNDECIDED, "instances", text, decided_by=decides, figures=figures)


def complete_graph(nodes: int, placement_cost: float, demand: ArrayLike = 1.0) -> CachingGame:
    """All nodes one unit apart, as on NVLink."""
    return CachingGame(1.0 - np.eye(nodes), placement_cost, demand)


def line(positions: ArrayLike, placement_cost: float) -> CachingGame:
    """Nodes on a line, each asking for as much."""
    at = as_floats(positions, "positions")
    return CachingGame(np.abs(at[:, None] - at), placement_cost)


def one_on_complete(
    nodes: Sequence[int] = (2, 4, 8), costs: Sequence[float] = (0.5, 1.0, 3.0), demand: Sequence[float] = (0.1, 2.0)
) -> Finding:
    """Exact price of anarchy on complete graphs, with equal demands and with unequal ones."""
    games = [complete_graph(n, cost) for n in nodes for cost in costs]
    equal = [price_of_anarchy(game).poa for game in games]
    uneven = complete_graph(len(demand), 3.0, demand)
    ratio = price_of_anarchy(uneven).poa
    figures = {"equal": max(equal), "unequal": ratio, "games": float(len(games))}
    text = (
        f"{len(games)} complete graphs of {nodes[0]} to {nodes[-1]} nodes with equal demands: exact price of anarchy {max(equal):.6g} "
        f"at most. With demands {tuple(demand)} it is {ratio:.3f}: the node that asks least may hold the one replica. For any demands it "
        "stays below 2, and comes as near as one likes (proof at poagame.bounds.caching_complete_unequal)."
    )
    if max(equal) > 1.0 + 1e-9:
        worst = games[int(np.argmax(equal))]
        return Finding(Standing.FAILS, "instances", text, counterexample=worst, figures=figures)
    text += (
        " For equal demands w and distance d every number k of replicas costs kα + (n − k)wd, least at the k = n or k = 1 that "
        "equilibria have."
    )
    if ratio > 1.0 + 1e-9:
        return Finding(
            Standing.HOLDS_UNDER, "theorem", text, "all nodes ask for the object equally", uneven, figures=figures
        )
    return Finding(Standing.HOLDS, "theorem", text, figures=figures)


def line_optimum(nodes: int, placement_cost: float) -> float:
    """Optimum on a line of nodes one unit apart with unit demands, by dynamic programming over the last replica."""
    best = [placement_cost + k * (k + 1) / 2.0 for k in range(nodes)]
    for k in range(nodes):
        best[k] = min([best[k], *(best[j] + placement_cost + (k - j) ** 2 // 4 for j in range(k))])
    return min(best[k] + (nodes - 1 - k) * (nodes - k) / 2.0 for k in range(nodes))


def at_most_root(
    small: Sequence[int] = (3, 6, 9), positions: Sequence[float] | None = None, factor: float = 2.0 / math.sqrt(3.0)
) -> Finding:
    """Exact values on small lines of equal hops against factor · √n, and a line of unequal hops."""
    exact: list[tuple[float, CachingGame]] = []
    for n in small:
        for cost in (0.7, 1.0, 1.5, n / 2.0, n - 1.0, 2.0 * n):
            game = line(np.arange(n), cost)
            exact.append((price_of_anarchy(game).poa / math.sqrt(n), game))
    uneven = line(np.array([0.0, *[8.0] * 7]) if positions is None else as_floats(positions, "positions"), 8.0)
    odd = price_of_anarchy(uneven).poa
    worst, game = max(exact, key=lambda pair: pair[0])
    figures = {"exact_over_root": worst, "uneven": odd, "uneven_nodes": float(uneven.num_players)}
    text = (
        f"Hops of length 1: {len(exact)} games of {small[0]} to {small[-1]} nodes have exact PoA of {worst:.2f}·√n at most. On a line of "
        f"{uneven.num_players} nodes with hops {', '.join(f'{hop:g}' for hop in np.diag(uneven.distance, 1))} PoA is {odd:.3g}."
    )
    if worst > factor:
        return Finding(Standing.FAILS, "instances", text, counterexample=game, figures=figures)
    text += (
        " Proof for equal hops (ours): k replicas cost kα + Σ(n_i² − 1)/4 or more, hence the optimum n√(α − 1/4) or more; an equilibrium "
        "pays α a node at most, and α + n²/2 in all where α > n; so PoA ≤ 1 + (2/√3)√n for every α."
    )
    if odd > factor * math.sqrt(uneven.num_players):
        text += " One node far from n − 1 at one place, α its distance: the one replica may be the lone node's, and PoA is n/2."
        assumption = "hops are equally long, and all nodes ask for the object equally"
        return Finding(Standing.HOLDS_UNDER, "theorem", text, assumption, uneven, figures=figures)
    return Finding(Standing.HOLDS, "theorem", text, figures=figures)


def at_least_root(nodes: Sequence[int] = (16, 32, 64, 128, 256, 512, 1024), power: float = 0.5) -> Finding:
    """Equilibria with the one replica at the end of a line of equal hops, over the optimum and against n^power / 4; the exact worst."""
    ends = [_end_replica(n) for n in nodes]
    worst = [worst_on_line(n).ratio for n in nodes]
    fit = growth_exponent(nodes, worst)
    figures = {f"end_{n}": ratio for n, ratio in zip(nodes, ends, strict=True)}
    figures |= {f"worst_{n}": ratio for n, ratio in zip(nodes, worst, strict=True)}
    figures |= {"exponent": fit.exponent, "exponent_low": fit.low, "exponent_high": fit.high}
    text = (
        f"Hops of length 1, α = n − 1: the one replica at the end is a certified equilibrium, {', '.join(f'{r:.2f}' for r in ends)} times "
        f"the optimum at n = {', '.join(map(str, nodes))}."
    )
    if any(ratio < 0.25 * n**power for n, ratio in zip(nodes, ends, strict=True)):
        decides = f"equilibria of longer lines that cost n^{power:g} times the optimum, but for a factor"
        return Finding(Standing.UNDECIDED, "instances", text, decided_by=decides, figures=figures)
    same = "the same" if worst == ends else "more"
    text += (
        f" Over all equilibria at all placement costs the exact price of anarchy is {same}; its exponent in n, by least squares in "
        f"logarithms with a 95 % interval, is {fit}. Proof of the order: that replica costs (n − 1)(n + 2)/2, and about √n/2 replicas in "
        "the middle of as many equal parts cost n√n to first order, hence √n/2; that it is O(√n) is the claim above."
    )
    return Finding(Standing.HOLDS, "theorem", text, figures=figures)


def _end_replica(nodes: int) -> float:
    """Ratio of the equilibrium with one replica at the end of a line, α = n − 1, once it is certified."""
    game = line(np.arange(nodes), nodes - 1.0)
    profile = np.array([1, *[0] * (nodes - 1)])
    assert certify_nash(game, profile).holds
    return float(game.social_cost(profile)) / line_optimum(nodes, nodes - 1.0)


CLAIMS = (
    Claim(
        "caching-complete",
        "On a complete graph, as NVLink makes of a node, selfish caching has price of anarchy 1.",
        "Remark 2 (S)",
        one_on_complete,
    ),
    Claim(
        "caching-line",
        "On a line the price of anarchy of selfish caching is O(√n).",
        "Remark 2, of sparse and line topologies (S); only lines were looked at",
        at_most_root,
    ),
    Claim(
        "caching-line-grows",
        "On a line of equal hops it does grow as √n, at the worst placement cost.",
        "our own (I)",
        at_least_root,
    ),
    Claim(
        "cache-paradox",
        "More cache can make selfish caching dearer.",
        "Stackelberg reading of Game 2, after Ma, Yeh and Huang (S)",
        more_cache,
    ),
)
