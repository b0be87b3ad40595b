"""Does cache overlap break the exact potential of the routing game? (Proposition 3)"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from poagame.certificates import FourCycle, potential_violation
from poagame.games import CongestionGame, RoutingGame
from poagame.games.protocols import FiniteGame
from poagame.latency import Latency, Polynomial, Saturating
from poagame.paper.record import Claim, Finding, Standing

Draw: TypeAlias = Callable[[np.random.Generator], FiniteGame]


def static_game(rng: np.random.Generator) -> RoutingGame:
    """Overlap that is given: what a worker's cache holds does not depend on who else is routed there."""
    requests, latency = _board(rng)
    return RoutingGame(latency, _overlap(rng, requests, latency.num_resources), _weight(rng))


def symmetric_game(rng: np.random.Generator) -> RoutingGame:
    """Two requests on one worker gain the same from each other."""
    requests, latency = _board(rng)
    pairs = rng.integers(1, 4, (requests, requests)).astype(float)
    overlap = _overlap(rng, requests, latency.num_resources)
    return RoutingGame(latency, overlap, _weight(rng), affinity=np.triu(pairs, 1) + np.triu(pairs, 1).T)


def arrival_order_game(rng: np.random.Generator) -> RoutingGame:
    """A request gains from those that came before it, and they gain nothing from it."""
    requests, latency = _board(rng)
    pairs = rng.integers(1, 4, (requests, requests)).astype(float)
    overlap = _overlap(rng, requests, latency.num_resources)
    return RoutingGame(latency, overlap, _weight(rng), affinity=pairs, affinity_kind="arrival_order")


def factor_game(rng: np.random.Generator) -> CongestionGame:
    """A cache hit shortens a request's latency by a factor of its own: cost f_ij · ℓ_j(n_j)."""
    requests, base, slope = _lines(rng)
    factors = np.stack([rng.choice(np.arange(2, 11), requests, replace=False) for _ in base], axis=1) / 10.0
    return _with_factors(base, slope, factors)


def common_factor_game(rng: np.random.Generator) -> CongestionGame:
    """The factors belong to the workers alone."""
    requests, base, slope = _lines(rng)
    return _with_factors(base, slope, np.tile(rng.integers(2, 11, len(base)) / 10.0, (requests, 1)))


def _lines(rng: np.random.Generator) -> tuple[int, np.ndarray, np.ndarray]:
    """Requests, and base and slope of each worker: small whole numbers, so that a counterexample can be read."""
    requests, workers = int(rng.integers(2, 5)), int(rng.integers(2, 4))
    return requests, rng.integers(0, 5, workers).astype(float), rng.integers(1, 5, workers).astype(float)


def _board(rng: np.random.Generator) -> tuple[int, Latency]:
    requests, base, slope = _lines(rng)
    if rng.random() < 0.5:
        return requests, Polynomial(np.stack([base, slope], axis=1))
    capacity = np.full(len(base), float(requests + rng.integers(1, 4)))
    return requests, Saturating(base, slope, np.ones(len(base)), capacity)


def _overlap(rng: np.random.Generator, requests: int, workers: int) -> np.ndarray:
    overlap = rng.integers(0, 9, (requests, workers)).astype(float)
    overlap[0], overlap[1] = (
        [8.0, *[0.0] * (workers - 1)],
        [*[0.0] * (workers - 1), 8.0],
    )  # no two games of one identity
    return overlap


def _weight(rng: np.random.Generator) -> float:
    return float(rng.integers(1, 5)) / 4.0


def _with_factors(base: np.ndarray, slope: np.ndarray, factors: np.ndarray) -> CongestionGame:
    lines = np.stack([base, slope], axis=1)
    paid = [Polynomial(row[:, None] * lines) for row in factors]
    return CongestionGame(paid, [[[worker] for worker in range(len(base))]] * len(factors))


def _tally(draw: Draw, games: int, seed: int) -> tuple[list[FiniteGame], list[tuple[FiniteGame, FourCycle]]]:
    """Games without and with a four-cycle that no exact potential allows, the shortest to write first."""
    rng = np.random.default_rng(seed)
    kept: list[FiniteGame] = []
    broken: list[tuple[FiniteGame, FourCycle]] = []
    for _ in range(games):
        game = draw(rng)
        cycle = potential_violation(game)
        if cycle is None:
            kept.append(game)
        else:
            broken.append((game, cycle))
    return sorted(kept, key=lambda g: len(repr(g))), sorted(broken, key=lambda pair: len(repr(pair[0])))


def _formula_error(games: list[FiniteGame], seed: int) -> float:
    """Largest |change of the potential formula − change of the mover's cost| over one move in each game."""
    rng = np.random.default_rng(seed)
    worst = 0.0
    for game in games:
        if not isinstance(game, RoutingGame):
            continue
        profile = rng.integers(0, game.num_actions, game.num_players)
        player, action = int(rng.integers(game.num_players)), int(rng.integers(game.num_actions))
        moved = np.where(np.arange(game.num_players) == player, action, profile)
        costs = game.action_costs(profile)[player]
        change = game.potential(moved) - game.potential(profile)
        worst = max(worst, abs(change - float(costs[action] - costs[profile[player]])))
    return worst


def static_overlap(draw: Draw = static_game, games: int = 200, seed: int = 0) -> Finding:
    """Four-cycles of games with given overlap."""
    kept, broken = _tally(draw, games, seed)
    figures = {"games": float(games), "with_potential": float(len(kept))}
    if not kept:
        game, cycle = broken[0]
        text = f"All {games} drawn games violate the four-cycle condition; in {game!r} the deviators' sum is {cycle.total:.3g}."
        return Finding(Standing.HOLDS, "drawn games", text, figures=figures)
    exact = _formula_error(kept, seed)
    figures["formula_error"] = exact
    formula = (
        "Φ = Σ_j Σ_{k ≤ n_j} ℓ_j(k) − ω Σ_i o_{i,s_i} is exact: overlap that is fixed is a constant of the player and "
        "its worker, and drops out of every four-cycle. "
        if exact < 1e-9
        else ""
    )
    text = (
        f"{formula}{len(kept)} of {games} drawn games with costs that depend on identity (2 to 4 requests, 2 or 3 workers) "
        "have an exact potential, by all of their four-cycles. One-sided and multiplicative benefits are claims of their own."
    )
    return Finding(
        Standing.FAILS, "theorem" if formula else "drawn games", text, counterexample=kept[0], figures=figures
    )


def _breaks_unless(
    draw: Draw, control: Draw, assumption: str, benefit: str, without: str, games: int, seed: int
) -> Finding:
    """Whether all games of `draw` lose the potential, and those of `control` keep it."""
    kept, broken = _tally(draw, games, seed)
    spared, lost = _tally(control, games, seed)
    figures = {"games": float(games), "broken": float(len(broken)), "control_broken": float(len(lost))}
    if kept:
        text = f"{len(kept)} of {games} drawn games with {benefit} have an exact potential."
        return Finding(Standing.FAILS, "drawn games", text, counterexample=kept[0], figures=figures)
    game, cycle = broken[0]
    text = (
        f"All {games} drawn games with {benefit} violate the four-cycle condition; in {game!r} the deviators' costs around "
        f"the square of players {cycle.players[0]} and {cycle.players[1]} change by {abs(cycle.total):.3g} in sum."
    )
    if not spared:
        return Finding(Standing.HOLDS, "drawn games", text, figures=figures)
    text += f" {len(spared)} of {games} games {without} keep it, so the assumption is needed."
    return Finding(Standing.HOLDS_UNDER, "drawn games", text, assumption, spared[0], figures=figures)


def one_sided(
    draw: Draw = arrival_order_game, control: Draw = symmetric_game, games: int = 100, seed: int = 0
) -> Finding:
    """Benefits by arrival order, against symmetric ones."""
    assumption = "the benefit is one-sided: a request gains from those before it, which gain nothing from it"
    return _breaks_unless(
        draw, control, assumption, "benefits by arrival order", "with symmetric benefits", games, seed
    )


def multiplicative(
    draw: Draw = factor_game, control: Draw = common_factor_game, games: int = 100, seed: int = 0
) -> Finding:
    """Factors of the request's own, against factors of the workers."""
    assumption = "a hit multiplies the latency, by factors that differ between the requests on a worker (and do not happen to cancel)"
    return _breaks_unless(
        draw,
        control,
        assumption,
        "factors drawn for each request and worker",
        "whose factors are the workers'",
        games,
        seed,
    )


def symmetric(draw: Draw = symmetric_game, games: int = 100, seed: int = 0) -> Finding:
    """Four-cycles of games with symmetric benefits."""
    kept, broken = _tally(draw, games, seed)
    figures = {"games": float(games), "with_potential": float(len(kept)), "formula_error": 0.0}
    if broken:
        text = f"{len(broken)} of {games} drawn games have no exact potential."
        return Finding(Standing.FAILS, "drawn games", text, counterexample=broken[0][0], figures=figures)
    figures["formula_error"] = _formula_error(kept, seed)
    text = (
        f"All {games} drawn games have an exact potential, by all of their four-cycles: each pair's benefit enters Φ once "
        "(half for each of the two)."
    )
    return Finding(Standing.HOLDS, "theorem", text, figures=figures)


CLAIMS = (
    Claim(
        "potential-static",
        "Cache overlap makes the costs of Γ_R depend on identity, and that breaks the exact potential.",
        "Prop 3 (S), for the fixed additive overlap of Eq. 7 (S)",
        static_overlap,
    ),
    Claim(
        "potential-one-sided",
        "Cache benefits that depend on the other requests of a worker break the exact potential.",
        "Prop 3 (S), in a reading of ours (I)",
        one_sided,
    ),
    Claim(
        "potential-factor",
        "Cache benefits that scale a request's latency break the exact potential.",
        "Prop 3 (S), in a reading of ours (I)",
        multiplicative,
    ),
    Claim(
        "potential-symmetric",
        "A benefit of sharing a worker that is the same for both requests of a pair keeps the exact potential.",
        "our own answer to Prop 3 (I)",
        symmetric,
    ),
)
