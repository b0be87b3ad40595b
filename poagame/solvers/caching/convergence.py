"""How best-response dynamics of a caching game end from many random starts, in one compiled call."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import FloatArray, IntArray, require
from poagame.certificates.nash import NashCertificate, certify_nash
from poagame.games.caching import CachingGame
from poagame.games.checks import positive, whole
from poagame.solvers.caching import convergence_compiled as compiled
from poagame.solvers.caching.dynamics import tables_of


@dataclass(frozen=True, eq=False, slots=True)
class Convergence:
    """Where and how soon best-response dynamics ended.

    Attributes
    ----------
    num_starts, num_converged, num_cycles : int
        Dynamics begun, those that ended in an equilibrium, and those that came back to an earlier placement, which proves that they never
        end: nodes keep their order. The others were stopped at `max_rounds`.
    rounds, moves : [num_converged] int64
        Rounds with a move, and moves, of those that converged.
    social_costs : [num_converged]
        Of the equilibria reached.
    num_distinct : int
        Different equilibria reached, told apart by a fingerprint of 64 bits.
    worst, best : like demand int64, or None
        The dearest and the cheapest equilibrium *reached*; others may exist.
    worst_certificate, best_certificate : NashCertificate or None
        By code that shares nothing with the dynamics.
    """

    num_starts: int
    num_converged: int
    num_cycles: int
    rounds: IntArray
    moves: IntArray
    social_costs: FloatArray
    num_distinct: int
    worst: IntArray | None
    best: IntArray | None
    worst_certificate: NashCertificate | None
    best_certificate: NashCertificate | None

    def __str__(self) -> str:
        """Return a table."""
        share = self.num_converged / self.num_starts
        stopped = self.num_starts - self.num_converged - self.num_cycles
        lines = [
            f"starts            {self.num_starts:>12,}",
            f"converged         {self.num_converged:>12,}  ({share:.1%})",
            f"cycles            {self.num_cycles:>12,}",
            f"stopped           {stopped:>12,}",
        ]
        if self.num_converged:
            low, middle, high = np.percentile(self.rounds, [0, 50, 100])
            first, half, last = np.percentile(self.social_costs, [0, 50, 100])
            lines += [
                f"distinct          {self.num_distinct:>12,}",
                f"rounds            {middle:>12.6g}  (median; {low:g} to {high:g})",
                f"social cost       {half:>12.6g}  (median; {first:.6g} to {last:.6g})",
            ]
        return "\n".join(lines)


def convergence(
    game: CachingGame, starts: int = 1000, seed: int = 0, max_rounds: int = 1000, rtol: float = 1e-10
) -> Convergence:
    """Run best-response dynamics from random starts.

    Each start draws the order in which nodes are visited, round after round the same, and how many objects they hold at first: a
    share of their room, drawn uniformly, of objects and tiers drawn uniformly.

    Parameters
    ----------
    game : CachingGame
    starts : int
    seed : int
        The same seed gives the same record.
    max_rounds : int
        Rounds after which a start is given up.
    rtol : float
        Nodes move for a gain above `rtol` × their least cost.

    Raises
    ------
    InvalidInput
        If `game` is no caching game, or a number is out of range.

    Examples
    --------
    >>> found = convergence(CachingGame([[0.0, 1.0], [1.0, 0.0]], placement_cost=3.0), starts=100)
    >>> found.num_converged, found.num_distinct, float(found.social_costs.max())
    (100, 2, 4.0)
    """
    require(isinstance(game, CachingGame), f"convergence is of a CachingGame; got {type(game).__name__}")
    starts, max_rounds = whole(starts, "starts", 1), whole(max_rounds, "max_rounds", 1)
    positive(rtol, "rtol")
    tables = tables_of(game)
    seeds = np.random.SeedSequence(whole(seed, "seed")).generate_state(starts)
    ends, rounds, moves, costs, prints = compiled.run_all(tables, seeds, rtol, max_rounds)
    done = np.flatnonzero(ends == compiled.CONVERGED)

    def reached(s: int) -> IntArray:
        held = compiled.run(tables, seeds[s], rtol, max_rounds)[0].held
        return np.ascontiguousarray(held.T).astype(np.int64).reshape(game.demand.shape)

    worst, best = (reached(done[int(pick(costs[done]))]) if len(done) else None for pick in (np.argmax, np.argmin))
    return Convergence(
        starts,
        len(done),
        int((ends == compiled.CYCLES).sum()),
        rounds[done],
        moves[done],
        costs[done],
        len(np.unique(prints[done])),
        worst,
        best,
        None if worst is None else certify_nash(game, worst),
        None if best is None else certify_nash(game, best),
    )
