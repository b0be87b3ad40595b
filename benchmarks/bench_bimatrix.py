"""All mixed equilibria of random bimatrix games, beside QuantEcon and nashpy.

    python benchmarks/bench_bimatrix.py

Twenty games of each size with normal payoffs, so that none is degenerate and all three must list the same equilibria;
the number is compared for every game and method. Times are those of all twenty games divided by twenty. `mixed_equilibria`
includes a certificate for every equilibrium, the rivals certify nothing; their games are built outside the clock.
QuantEcon's `support_enumeration` looks only at supports of equal size, enough for these games but not for degenerate ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from measuring import header, measure, row

from poagame.games.normal_form import NormalFormGame
from poagame.solvers.mixed.mixed_equilibria import mixed_equilibria

GAMES = 20
Counts = list[int]


def payoffs(size: int) -> np.ndarray:
    return np.random.default_rng(size).normal(size=(GAMES, 2, size, size))


def ours(size: int) -> Callable[[], Counts]:
    games = [NormalFormGame.from_payoffs(*pair) for pair in payoffs(size)]

    def action() -> Counts:
        found = [mixed_equilibria(game) for game in games]
        assert all(e.complete for e in found)
        return [len(e) for e in found]

    return action


def quantecon(size: int, method: str) -> Callable[[], Counts]:
    from quantecon import game_theory

    games = [
        game_theory.NormalFormGame((game_theory.Player(a), game_theory.Player(np.ascontiguousarray(b.T))))
        for a, b in payoffs(size)
    ]
    solve = getattr(game_theory, method)
    return lambda: [len(solve(game)) for game in games]


def nashpy(size: int) -> Callable[[], Counts]:
    import nashpy as nash

    games = [nash.Game(a, b) for a, b in payoffs(size)]

    def action() -> Counts:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [len(list(game.vertex_enumeration())) for game in games]

    return action


def main() -> None:
    header(
        "all equilibria of a bimatrix game",
        "size",
        "ms a game",
        "time, first row = 1",
        "equilibria",
        "peak MB (before)",
    )
    for size in (5, 6, 7, 8):
        first = measure(ours, size)
        rows = [("`mixed_equilibria`, each certified", first)]
        for method in ("support_enumeration", "vertex_enumeration"):
            rows.append((f"rival: QuantEcon `{method}`", measure(quantecon, size, method)))
        if size == 5:  # beyond, minutes
            rows.append(("rival: nashpy `vertex_enumeration`", measure(nashpy, size, repeats=1, warm_up=False)))
        for name, found in rows:
            missed = sum(a != b for a, b in zip(found.answer, first.answer, strict=True))
            row(
                name,
                f"{size} × {size}",
                found.shown(3, GAMES / 1e3),
                f"{found.median / first.median:,.2f}×",
                f"{sum(found.answer)}" + (f", another number in {missed} games" if missed else ""),
                f"{found.peak_mb:,.0f} ({found.base_mb:,.0f})",
            )


if __name__ == "__main__":
    main()
