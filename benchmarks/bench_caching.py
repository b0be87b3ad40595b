"""The caching game: all equilibria, the worst one, the optimum with its gap, and best responses of many objects.

    python benchmarks/bench_caching.py

(a) All pure equilibria of 12, 16 and 20 nodes (random geometric, one tier) beside a brute force in plain Python, that of the one public
script for this game, github.com/Mairon127/Selfish_Caching_in_Distributed_Systems_Problem, written anew: all 2^n placements, and for each
the nodes in turn until one gains by changing its choice. (The script itself refuses every placement with a single copy, and so misses
equilibria.) Then 20 nodes with four tiers, and a game of 20 nodes where all placements but the empty one are equilibria.
(b) `price_of_anarchy` on a two-level cluster of 8 × 8: worst and best equilibrium and optimum.
(c) `social_optimum` of 2,000 nodes, with its certified gap.
(d) `equilibrium` of 1,000 nodes × 10,000 objects without limits on storage: all of it, the rounds alone, the certificate alone, and one
with four tiers. On 200 nodes × 1,000 objects beside the same rounds in JAX: one visit is a minimum over a dense mask of holders.
(e) The exact optimum of limited storage on a cluster of 64 GPUs × 2,000 objects.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from measuring import Measured, header, measure, row

import poagame as pg
from poagame import topologies
from poagame._arrays import FloatArray
from poagame.certificates.nash import certify_nash
from poagame.solvers.caching.bitmask import equilibrium_census
from poagame.solvers.caching.dynamics import PlacementDynamics

RTOL = 1e-10
TIERS = pg.Tiers(("G1", "G2", "G3", "G4"), (1.0, 0.5, 0.2, 0.1), (0.0, 0.1, 0.4, 0.8))
Found = list[tuple[int, ...]]


def geometric(nodes: int, placement_cost: float, tiers: pg.Tiers | None = None) -> pg.CachingGame:
    radius = max(2.0 / np.sqrt(nodes), 0.1)
    distance = topologies.random_geometric(nodes, radius, seed=1, hop=1.0).distance
    demand = np.random.default_rng(0).uniform(0.5, 2.0, nodes)
    return pg.CachingGame(distance, placement_cost, demand, tiers)


def all_equilibria(nodes: int, placement_cost: float, tiers: pg.Tiers | None = None) -> Callable[[], Found]:
    game = geometric(nodes, placement_cost, tiers)

    def action() -> Any:
        return pg.equilibria(game).profiles

    return action


def plain_python(nodes: int, placement_cost: float) -> Callable[[], Found]:
    game = geometric(nodes, placement_cost)
    distance, demand = np.asarray(game.distance).tolist(), np.asarray(game.demand).tolist()

    def gains(i: int, held: tuple[int, ...]) -> bool:
        """Whether node i gains by changing its choice."""
        nearest = min([distance[i][j] for j in range(nodes) if held[j] and j != i], default=float("inf"))
        own, without = placement_cost, demand[i] * nearest
        return own > without * (1 + 1e-11) if held[i] else without > own * (1 + 1e-11)

    def action() -> Any:
        placements = product((0, 1), repeat=nodes)
        return np.array([held for held in placements if not any(gains(i, held) for i in range(nodes))])

    return action


def all_placements(nodes: int) -> Callable[[], Any]:
    """A complete graph whose distances equal the placement cost: each choice of each node is a best reply."""
    game = pg.CachingGame(topologies.complete(nodes, hop=1.0).distance, 1.0)
    return lambda: equilibrium_census(game).number


def anarchy(placement_cost: float, equal: bool) -> Callable[[], Any]:
    distance = topologies.two_level(8, 8, intra=1.0, inter=10.0).distance
    demand = 1.0 if equal else np.random.default_rng(0).uniform(0.5, 2.0, 64)
    game = pg.CachingGame(distance, placement_cost, demand)

    def action() -> str:
        found = pg.price_of_anarchy(game)
        return f"{found.poa:.6g} exact" if found.exact else f"{found.poa_low:.6g} to {found.poa_high:.6g}"

    return action


TOPOLOGIES: dict[str, Callable[[], Any]] = {
    "random geometric": lambda: topologies.random_geometric(2000, 0.05, seed=3, hop=1.0),
    "grid of 40 × 50": lambda: topologies.grid(40, 50, hop=1.0),
    "cluster of 250 × 8": lambda: topologies.two_level(250, 8, intra=1.0, inter=10.0),
}


def optimum(topology: str, equal: bool) -> Callable[[], Any]:
    distance = TOPOLOGIES[topology]().distance
    demand = 1.0 if equal else np.random.default_rng(0).uniform(0.5, 2.0, len(distance))
    game = pg.CachingGame(distance, 20.0, demand)

    def action() -> str:
        found = pg.social_optimum(game)
        gap = 1.0 - found.lower_bound / found.social_cost
        return f"{found.social_cost:.8g}, {str(found.outcome.name).lower()}, gap {gap:.1e}"

    return action


def many_objects(nodes: int, objects: int, tiers: pg.Tiers | None = None) -> pg.CachingGame:
    """Random geometric distances; popularity by Zipf's law, and how much of it each node asks for at random."""
    distance = topologies.random_geometric(nodes, max(2.0 / np.sqrt(nodes), 0.07), seed=1, hop=1.0).distance
    popularity = 1.0 / np.arange(1, objects + 1) ** 0.9
    demand = 100.0 * popularity * np.random.default_rng(0).exponential(1.0, (nodes, objects))
    return pg.CachingGame(distance, 1.0, demand, tiers)


def found_equilibrium(nodes: int, objects: int, tiers: pg.Tiers | None = None) -> Callable[[], Any]:
    game = many_objects(nodes, objects, tiers)

    def action() -> str:
        found = pg.equilibrium(game)
        assert found.certificate.holds
        return f"{found.social_cost:.10g}, {int((found.profile > 0).sum()):,} copies"

    return action


def rounds(nodes: int, objects: int) -> Callable[[], Any]:
    game = many_objects(nodes, objects)

    def action() -> int:
        dynamics = PlacementDynamics(game, RTOL)
        profile, order, played, moves = np.zeros((nodes, objects), np.int64), np.arange(nodes), 0, 1
        while moves:
            profile, moves = dynamics.in_turn(profile, order, 1000 * nodes)
            played += 1
        return played

    return action


def certificate(nodes: int, objects: int) -> Callable[[], Any]:
    game = many_objects(nodes, objects)
    profile = pg.equilibrium(game).profile
    return lambda: certify_nash(game, profile).max_regret


def placed(nodes: int, objects: int) -> Callable[[], Any]:
    game = many_objects(nodes, objects)

    def action() -> Any:
        dynamics, profile, moves = PlacementDynamics(game, RTOL), np.zeros((nodes, objects), np.int64), 1
        while moves:
            profile, moves = dynamics.in_turn(profile, np.arange(nodes), 1000 * nodes)
        return profile

    return action


def dense_jax(nodes: int, objects: int) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    game = many_objects(nodes, objects)
    others: FloatArray = np.asarray(game.distance) + np.where(np.eye(nodes, dtype=bool), np.inf, 0.0)
    distance, demand, cost = jnp.asarray(others), jnp.asarray(game.demand), jnp.asarray(game.placement_cost)

    @jax.jit
    def play(held: Any) -> Any:
        def visit(i: Any, held: Any) -> Any:
            without = demand[i] * jnp.where(held, distance[i][:, None], jnp.inf).min(axis=0)
            own = cost[i]
            stays = jnp.where(held[i], own <= without * (1 + RTOL), without <= own * (1 + RTOL))
            return held.at[i].set(jnp.where(stays, held[i], own < without))

        return jax.lax.fori_loop(0, nodes, visit, held)

    def action() -> Any:
        held, before = jnp.zeros((nodes, objects), bool), None
        while before is None or not bool((held == before).all()):
            before, held = held, play(held)
        return np.asarray(held).astype(np.int64)

    return action


def limited() -> Callable[[], Any]:
    """Each GPU has 20 places; two classes of GPUs ask for objects by Zipf's law, one of them in another order."""
    distance = topologies.two_level(8, 8, intra=1.0, inter=10.0).distance
    rng, popularity = np.random.default_rng(0), 1.0 / np.arange(1, 2001) ** 0.9
    weight = np.where((np.arange(64) < 32)[:, None], popularity, rng.permutation(popularity))
    demand = weight * rng.uniform(0.5, 1.5, (64, 2000))
    game = pg.CachingGame(distance, 0.0, demand, capacity=20, miss_cost=100.0)

    def action() -> str:
        found = pg.social_optimum(game)
        gap = 1.0 - found.lower_bound / found.social_cost
        return f"{found.social_cost:.8g}, {found.outcome.name.lower()}, gap {gap:.1e}"

    return action


def main() -> None:
    header("caching", "size", "median s", "time, first row = 1", "peak MB (before)", "found")
    for nodes in (12, 16, 20):
        size = f"{nodes} nodes, one tier"
        ours = measure(all_equilibria, nodes, 1.0)
        line("`equilibria`", size, ours, ours, f"{len(ours.answer)} equilibria")
        rival = measure(plain_python, nodes, 1.0, repeats=3 if nodes < 20 else 1, warm_up=nodes < 20)
        same("plain Python", set(map(tuple, rival.answer.tolist())), set(map(tuple, ours.answer.tolist())))
        line("rival: brute force in plain Python", size, rival, ours, f"{len(rival.answer)} equilibria")
    alone(
        "`equilibria`", "20 nodes, four tiers", all_equilibria, 20, 0.7, TIERS, show=lambda a: f"{len(a):,} equilibria"
    )
    ties = "20 nodes, every choice a best reply"
    alone("`equilibrium_census` (a hard case)", ties, all_placements, 20, show=lambda a: f"{a:,} equilibria")
    for equal in (True, False):
        for cost in (5.0, 12.0, 30.0):
            size = f"cluster of 8 × 8, α = {cost:g}, {demands(equal)}"
            alone("`price_of_anarchy`", size, anarchy, cost, equal, repeats=1, warm_up=False)
    for topology in TOPOLOGIES:
        for equal in (True, False):
            size = f"2,000 nodes, {topology}, {demands(equal)}"
            alone("`social_optimum`", size, optimum, topology, equal, repeats=1)
    size = "1,000 nodes × 10,000 objects"
    ours = measure(found_equilibrium, 1000, 10_000, repeats=3)
    line("`equilibrium`", size, ours, ours, ours.answer)
    part = measure(rounds, 1000, 10_000, repeats=3)
    line("its rounds alone", size, part, ours, f"{part.answer} rounds")
    part = measure(certificate, 1000, 10_000, repeats=3)
    line("its certificate alone", size, part, ours, f"regret {part.answer:.1g}")
    tiers = measure(found_equilibrium, 1000, 10_000, TIERS, repeats=3)
    line("`equilibrium`, four tiers", size, tiers, ours, tiers.answer)
    size = "200 nodes × 1,000 objects"
    ours, rival = measure(placed, 200, 1000), measure(dense_jax, 200, 1000, repeats=3)
    same("JAX", rival.answer.tolist(), ours.answer.tolist())
    line("the rounds alone", size, ours, ours, f"{int(ours.answer.sum()):,} copies")
    line("rival: the same rounds, dense in JAX", size, rival, ours, f"{int(rival.answer.sum()):,} copies")
    alone("`social_optimum`, 20 places each", "cluster of 8 × 8, 2,000 objects", limited, repeats=3)


def demands(equal: bool) -> str:
    return "equal demands" if equal else "random demands"


def same(name: str, theirs: object, ours: object) -> None:
    if theirs != ours:
        raise AssertionError(f"{name} finds other equilibria")


def alone(
    name: str, size: str, build: Callable[..., Any], *args: Any, show: Callable[[Any], str] = str, **how: Any
) -> None:
    found = measure(build, *args, **how)
    line(name, size, found, found, show(found.answer))


def line(name: str, size: str, found: Measured, first: Measured, answer: object) -> None:
    ratio = f"{found.median / first.median:,.1f}×"
    row(name, size, found.shown(4), ratio, f"{found.peak_mb:,.0f} ({found.base_mb:,.0f})", answer)


if __name__ == "__main__":
    main()
