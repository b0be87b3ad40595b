"""The classical bounds that the paper quotes: do they hold, are they attained, and do they cover the routing game?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from poagame import bounds
from poagame.anarchy import anarchy_curve, price_of_anarchy
from poagame.games import CongestionGame, NetworkRouting, RoutingGame, instances
from poagame.latency import Polynomial
from poagame.paper.record import Claim, Finding, Standing

SLACK = 1e-9
"""Relative: what rounding may add to a ratio."""


def affine_network(rng: np.random.Generator) -> NetworkRouting:
    """Two to four parallel links of affine latency."""
    links = int(rng.integers(2, 5))
    lines = np.stack([rng.uniform(0.0, 2.0, links), rng.uniform(0.05, 2.0, links)], axis=1)
    return NetworkRouting.parallel(Polynomial(lines), float(rng.uniform(0.2, 4.0)))


def polynomial_game(degree: int) -> Callable[[np.random.Generator], CongestionGame]:
    """Three players with two actions each on four resources of polynomial latency."""

    def draw(rng: np.random.Generator) -> CongestionGame:
        actions = [
            [sorted(rng.choice(4, int(rng.integers(1, 4)), replace=False).tolist()) for _ in range(2)] for _ in range(3)
        ]
        return CongestionGame(Polynomial(rng.integers(0, 4, (4, degree + 1)) + 0.25), actions)

    return draw


def _within(bound: float, attaining: Iterable[Any], drawn: Iterable[Any]) -> tuple[float, float, Any]:
    """Largest PoA of the attaining games and of the drawn ones, and a game above the bound."""
    above: Any = None
    largest = [0.0, 0.0]
    for k, games in enumerate((attaining, drawn)):
        for game in games:
            ratio = price_of_anarchy(game).poa
            largest[k] = max(largest[k], ratio)
            if ratio > bound * (1.0 + SLACK) and above is None:
                above = game
    return largest[0], largest[1], above


def _tight(
    bound: float,
    attaining: Sequence[Any],
    draw: Callable[[np.random.Generator], Any],
    games: int,
    seed: int,
    proof: str,
    agreeing: float | None = None,
) -> Finding:
    """Whether `bound` is exceeded by no game looked at, attained by one, and equal to what the programme gives."""
    rng = np.random.default_rng(seed)
    attained, seen, above = _within(bound, attaining, (draw(rng) for _ in range(games)))
    figures = {"bound": bound, "attained": attained, "largest_drawn": seen, "games": float(games)}
    if agreeing is not None:
        figures["programme"] = agreeing
    text = (
        f"{len(attaining)} worst-case instance{'s' if len(attaining) > 1 else ''} solved: PoA {attained:.6g}; largest of "
        f"{games} drawn games {seen:.4g}."
    )
    if above is not None:
        return Finding(
            Standing.FAILS, "instances", f"{text} One is above {bound:.6g}.", counterexample=above, figures=figures
        )
    close = math.isclose(attained, bound, rel_tol=1e-6)
    if not close or (agreeing is not None and not math.isclose(agreeing, bound, rel_tol=1e-6)):
        return Finding(
            Standing.UNDECIDED,
            "instances",
            f"{text} None is above {bound:.6g}, and none attains it.",
            decided_by=f"a game with PoA {bound:.6g}, or a smaller bound",
            figures=figures,
        )
    return Finding(Standing.HOLDS, "theorem", f"{text} {proof}", figures=figures)


def nonatomic_affine(bound: float = 4.0 / 3.0, games: int = 60, seed: int = 0) -> Finding:
    """4/3 for nonatomic routing with affine latency."""
    pigou = bounds.anarchy_value(Polynomial([[0.0, 1.0]]), 1.0).value
    proof = (
        "The upper bound is the Pigou bound of affine latency (Roughgarden and Tardos 2002); of a + bx it is largest at a = 0, "
        f"where it is computed as {pigou:.6g}."
    )
    return _tight(bound, [instances.pigou(1), instances.braess()], affine_network, games, seed, proof, pigou)


def atomic_affine(bound: float = 2.5, players: int = 6, games: int = 60, seed: int = 0) -> Finding:
    """5/2 for unweighted atomic congestion games with affine latency."""
    programme = bounds.tight_poa([lambda x: 1.0, lambda x: float(x)], players).value
    proof = (
        f"The linear programme over all games of {players} players with affine latency gives {programme:.6g} (it covers coarse "
        "correlated equilibria too); for any number of players the bound is Christodoulou and Koutsoupias' (2005)."
    )
    worst = [instances.affine_atomic_worst_case()]
    return _tight(bound, worst, polynomial_game(1), games, seed, proof, programme)


def atomic_polynomial(
    degrees: Sequence[int] = (2, 3, 4), formula: Callable[[int], float] | None = None, games: int = 20, seed: int = 0
) -> Finding:
    """Aland et al.'s exact price of anarchy of polynomials of degree d."""
    value = formula or (lambda d: bounds.atomic_polynomial(d).value)
    found: list[Finding] = []
    for d in degrees:
        worst = instances.polynomial_worst_case(d)
        basis = [lambda x, k=k: float(x) ** k for k in range(d + 1)]
        programme = bounds.tight_poa(basis, worst.num_players).value
        found.append(_tight(value(d), [worst], polynomial_game(d), games, seed, "", programme))
    figures = {
        f"{name}_{d}": f.figures[name]
        for d, f in zip(degrees, found, strict=True)
        for name in ("bound", "attained", "programme")
    }
    rows = "; ".join(
        f"d = {d}: formula {f.figures['bound']:.6g}, instance {f.figures['attained']:.6g}, programme {f.figures['programme']:.6g}"
        for d, f in zip(degrees, found, strict=True)
    )
    for f in found:
        if f.standing is not Standing.HOLDS:
            text = f"{rows}. {f.evidence}"
            return Finding(f.standing, "instances", text, "", f.counterexample, f.decided_by, figures)
    text = (
        f"{rows} (unweighted; the instance is solved, the programme is over all games of as many players with terms up to x^d). "
        "Other degrees were not checked here."
    )
    return Finding(Standing.HOLDS, "theorem", text, figures=figures)


def traffic_limits(
    network: NetworkRouting | None = None, odd: NetworkRouting | None = None, near: float = 1e-3
) -> Finding:
    """PoA at very small and very large demand, on polynomial links and on links that never settle."""
    polynomial = network or NetworkRouting.parallel(Polynomial([[1.0, 1.0, 0.0], [2.0, 0.0, 1.0]]), 1.0)
    unsettled = odd or instances.unsettled_links(1, 3)
    curve = anarchy_curve(polynomial, [1e-3, 1.0, 10.0, 1e3, 1e4])
    middle, light, heavy = float(curve.poa.max()), float(curve.poa[0]), float(curve.poa[-1])
    totals = np.exp(np.arange(17) / 16.0 * 2.0 * np.pi)
    least = min(float(anarchy_curve(unsettled, scale * totals).poa.min()) for scale in (1.0, math.exp(8.0 * math.pi)))
    figures = {"light": light, "middle": middle, "heavy": heavy, "unsettled_least": least}
    text = (
        f"Links 1 + x and 2 + x²: PoA {light:.4f} at demand 0.001, {middle:.3f} at most between, {heavy:.4f} at 10,000. On links "
        f"x and x(1 + sin(ln x + φ)/2) it is at least {least:.4f} at 17 demands of a period, and at as many of one e^(8π) "
        "times as heavy."
    )
    settles = max(light, heavy) < 1.0 + near
    if not settles:
        return Finding(Standing.FAILS, "instances", text, counterexample=polynomial, figures=figures)
    if least < 1.0 + near:
        return Finding(Standing.HOLDS, "instances", text, figures=figures)
    assumption = "latencies vary regularly at 0 and at infinity, as polynomials do (Colini-Baldeschi et al. 2020), without capacity"
    return Finding(Standing.HOLDS_UNDER, "instances", text, assumption, unsettled, figures=figures)


def with_overlap(gains: Sequence[float] = (0.0, 0.9, 0.99), bound: float = 2.5) -> Finding:
    """Two requests on two workers of latency x, each with a cached prefix worth `gain` on one of them."""
    games = [RoutingGame(Polynomial([[0.0, 1.0]]), [[gain, 0.0], [0.0, gain]], 1.0) for gain in gains]
    ratios = [price_of_anarchy(game).poa for game in games]
    figures = {f"poa_{gain:g}": ratio for gain, ratio in zip(gains, ratios, strict=True)}
    text = "Two requests, two workers of latency x, one cached prefix each, worth ω·o: PoA " + ", ".join(
        f"{ratio:.4g} at {gain:g}" for gain, ratio in zip(gains, ratios, strict=True)
    )
    for game, ratio in zip(games, ratios, strict=True):
        if ratio > bound * (1.0 + SLACK):
            text += ". Overlap is a reward: it lowers the optimum towards 0 while an equilibrium that misses it stays where it is."
            return Finding(Standing.FAILS, "instances", text, counterexample=game, figures=figures)
    return Finding(
        Standing.UNDECIDED,
        "instances",
        f"{text}: none above {bound:g}.",
        decided_by="a proof, or a game above it",
        figures=figures,
    )


CLAIMS = (
    Claim(
        "bound-nonatomic-affine",
        "Selfish routing with affine latency costs at most 4/3 of the optimum, and no smaller number will do.",
        "classical bounds are quoted (P); this one is from the references",
        nonatomic_affine,
    ),
    Claim(
        "bound-atomic-affine",
        "Unweighted congestion games with affine latency have a price of anarchy of at most 5/2, and no smaller number will do.",
        "classical bounds are quoted (P); this one is from the references",
        atomic_affine,
    ),
    Claim(
        "bound-atomic-polynomial",
        "With polynomials of degree d the exact price of anarchy is that of Aland et al.",
        "classical bounds are quoted (P); this one is from the references",
        atomic_polynomial,
    ),
    Claim(
        "bound-traffic-limits",
        "The price of anarchy tends to 1 in light and in heavy traffic.",
        "classical bounds are quoted (P); light and heavy traffic are from the references, and this sentence is ours (I)",
        traffic_limits,
    ),
    Claim(
        "bound-with-overlap",
        "The quoted bound 5/2 also covers the routing game with cache overlap.",
        "bounds are quoted beside Γ_R (P); that they cover overlap is a reading of ours (I)",
        with_overlap,
    ),
)
