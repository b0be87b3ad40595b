"""All pure equilibria of congestion games beside general solvers that must give the same answer.

    python benchmarks/bench_congestion.py

(a) 16 players × 2 actions, random affine resources, at two sizes: `equilibria` on the congestion game; QuantEcon's brute force on its
table (building the table is outside the clock, and stated); pygambit's enumeration, which builds its game from the same table.
A rival that is not installed has a row that says so.
(b) The price-of-stability game with 27 active players, 2^27 profiles, by pruning alone; and its optimum.
(c) 30 players × 3 actions, beyond the search: worst and best by integer programme within 20 s each, with the bounds that it proves.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from measuring import header, measure, row

from poagame.games.congestion import CongestionGame
from poagame.games.instances.atomic import price_of_stability
from poagame.games.normal_form import NormalFormGame
from poagame.latency import Polynomial
from poagame.solvers.congestion.optimum import optimum_by_search
from poagame.solvers.congestion.programme import pure_extremes
from poagame.solvers.congestion.search import extreme_pure_equilibria
from poagame.solvers.enumeration import equilibria

Found = list[tuple[int, ...]]


def game(players: int, actions: int, resources: int, size: int) -> CongestionGame:
    rng = np.random.default_rng(0)
    chosen = [[rng.choice(resources, size, replace=False).tolist() for _ in range(actions)] for _ in range(players)]
    return CongestionGame(Polynomial(rng.uniform(0.0, 1.0, (resources, 2))), chosen)


def search(players: int, actions: int, resources: int) -> Callable[[], Found]:
    given = game(players, actions, resources, 3)
    return lambda: sorted(map(tuple, equilibria(given).profiles.tolist()))


def quantecon(players: int, actions: int, resources: int) -> Callable[[], Found]:
    from quantecon.game_theory import NormalFormGame as Table
    from quantecon.game_theory import Player, pure_nash_brute

    costs = NormalFormGame.of(game(players, actions, resources, 3)).costs
    # a player's own action comes first there, then those of the next players in turn
    order = [[(i + k) % players for k in range(players)] for i in range(players)]
    table = Table([Player(np.ascontiguousarray(-np.transpose(costs[i], order[i]))) for i in range(players)])
    return lambda: sorted(tuple(int(a) for a in s) for s in pure_nash_brute(table))


def gambit(players: int, actions: int, resources: int) -> Callable[[], Found]:
    import pygambit

    costs = NormalFormGame.of(game(players, actions, resources, 3)).costs
    table = pygambit.StrategicGame.from_arrays(*(-costs))

    def action() -> Found:
        found = pygambit.nash.enumpure_solve(table).equilibria
        return sorted(
            tuple(int(np.argmax([float(e[p][s]) for s in table.get_strategies(p)])) for p in table.players)
            for e in found
        )

    return action


def stability() -> Callable[[], Any]:
    given = price_of_stability(10, 27)

    def action() -> float:
        found = extreme_pure_equilibria(given)
        assert found.worst_cost == found.best_cost == given.certified["equilibrium_cost"]
        return found.worst_cost

    return action


def optimum() -> Callable[[], Any]:
    given = price_of_stability(10, 27)
    return lambda: optimum_by_search(given).social_cost


def programme() -> Callable[[], Any]:
    given = game(30, 3, 15, 3)

    def action() -> str:
        found = pure_extremes(given, max_nodes=1000, time_limit=20.0)
        return f"worst {found.worst_cost:.6g} ≤ {found.worst_bound:.6g}, best {found.best_cost:.6g} ≥ {found.best_bound:.6g}"

    return action


def main() -> None:
    header("pure equilibria", "size", "median s", "time, first row = 1", "peak MB (before)", "found")
    for players, resources in ((12, 12), (16, 20)):
        size = f"{players} players × 2 actions, {resources} affine resources"
        ours = measure(search, players, 2, resources)
        line("`equilibria`", size, ours, ours, len(ours.answer))
        for name, build, module in (
            ("rival: QuantEcon `pure_nash_brute` on the table", quantecon, "quantecon"),
            ("rival: pygambit `enumpure_solve` on the table", gambit, "pygambit"),
        ):
            if importlib.util.find_spec(module) is None:
                row(name, size, "not installed", "", "", "")
                continue
            began = time.perf_counter()
            rival = measure(build, players, 2, resources, repeats=1, warm_up=False)
            if rival.answer != ours.answer:
                raise AssertionError(f"{name} finds {len(rival.answer)} equilibria, and others")
            building = time.perf_counter() - began - sum(rival.seconds)
            line(f"{name} (process and table {building:.1f} s)", size, rival, ours, len(rival.answer))
    few = measure(stability)
    line("`extreme_pure_equilibria`", "price of stability (10, 27)", few, few, few.answer)
    best = measure(optimum, repeats=1, warm_up=False)
    line("its optimum", "price of stability (10, 27)", best, few, f"{best.answer:.10g}")
    bounded = measure(programme, repeats=1, warm_up=False)
    line(
        "`pure_extremes` by integer programme (a hard case)", "30 players × 3 actions", bounded, bounded, bounded.answer
    )


def line(name: str, size: str, found: Any, first: Any, answer: object) -> None:
    ratio = f"{found.median / first.median:,.1f}×"
    row(name, size, found.shown(4), ratio, f"{found.peak_mb:,.0f} ({found.base_mb:,.0f})", answer)


if __name__ == "__main__":
    main()
