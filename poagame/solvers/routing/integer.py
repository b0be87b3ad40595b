"""Integer programmes for routing optima that no assignment solves, written in cvxpy and solved by HiGHS."""

from __future__ import annotations

import warnings
from typing import Any

import cvxpy as cp
import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.certificates.duality import congestion_totals
from poagame.games.routing import RoutingGame

TOLERANCE = 1e-6
"""HiGHS's feasibility tolerance, in the unit of what one request pays; bounds are lowered by it for each request."""

TIME_LIMIT = 10.0
"""Seconds after which HiGHS gives its best profile and bound."""


def load_programme(total: FloatArray, gain: FloatArray, counts: IntArray) -> tuple[IntArray | None, float, float]:
    r"""Optimal loads [W] where n·ℓ(n) is any function: one binary for each worker and load; and a proved lower bound.

    .. math:: \min \sum_{jn} z_{jn} G_j(n) - \sum_{kj} g_{kj} x_{kj}, \quad \sum_n z_{jn} = 1,\ \sum_n n z_{jn} = \sum_k x_{kj},\
              \sum_j x_{kj} = m_k.

    Given whole loads the rest is a transportation problem, so x needs no integrality.
    """
    depth, workers = total.shape
    # what every placement pays alike would only blur the solver's absolute tolerances
    alike = float(np.where(np.isfinite(total[1]), total[1], np.inf).min())
    best = gain.max(axis=1)
    constant = alike * float(counts.sum()) - float(counts @ best)
    total, gain = total - alike * np.arange(depth)[:, None], gain - best[:, None]
    unit = _unit(total[1:] / np.arange(1.0, depth)[:, None], gain)
    total, gain = total / unit, gain / unit
    pick = cp.Variable((depth, workers), boolean=True)
    place = cp.Variable(gain.shape, nonneg=True)
    finite = np.isfinite(total)
    constraints: list[Any] = [
        cp.sum(pick, axis=0) == 1,
        np.arange(depth) @ pick == cp.sum(place, axis=0),
        cp.sum(place, axis=1) == counts,
        pick <= finite,
    ]
    problem = cp.Problem(
        cp.Minimize(cp.sum(cp.multiply(np.where(finite, total, 0.0), pick)) - cp.sum(cp.multiply(gain, place))),
        constraints,
    )
    if not _solve(problem):
        return None, -np.inf, 0.0
    slack = TOLERANCE * unit * float(counts.sum())
    loads = np.asarray(pick.value).argmax(axis=0).astype(np.int64)
    return loads, unit * _dual_bound(problem) + constant - slack, slack


def affinity_programme(game: RoutingGame) -> tuple[IntArray | None, float, float]:
    r"""An optimal profile [N] of a game with affinity between unit requests, and a proved lower bound.

    Binaries say who is where; :math:`y_{ikj}` whether i and k meet on j (at most :math:`\min(x_{ij}, x_{kj})`, at least
    :math:`x_{ij} + x_{kj} - 1`); the load of a worker picks its congestion :math:`n\,\ell_j(n)` as in `load_programme`.
    """
    assert game.affinity is not None
    assert game.request_weight is None
    n, workers = game.num_players, game.num_actions
    total = congestion_totals(game)
    parts = float(game.overlap_weight) * np.concatenate([game.overlap, game.affinity], axis=1)
    unit = _unit(total[1:] / np.arange(1.0, n + 1)[:, None], parts)
    total, omega = total / unit, float(game.overlap_weight) / unit
    finite = np.isfinite(total)
    pair = game.affinity + game.affinity.T
    first, second = np.nonzero(np.triu(pair))
    at = cp.Variable((n, workers), boolean=True)
    pick = cp.Variable(total.shape, boolean=True)
    constraints: list[Any] = [
        cp.sum(at, axis=1) == 1,
        cp.sum(pick, axis=0) == 1,
        np.arange(n + 1) @ pick == cp.sum(at, axis=0),
        pick <= finite,
    ]
    cost = cp.sum(cp.multiply(np.where(finite, total, 0.0), pick)) - omega * cp.sum(cp.multiply(game.overlap, at))
    if len(first):
        meet = cp.Variable((len(first), workers), nonneg=True)
        constraints += [meet <= at[first], meet <= at[second], meet >= at[first] + at[second] - 1]
        cost = cost - omega * cp.sum(cp.multiply(np.repeat(pair[first, second][:, None], workers, axis=1), meet))
    problem = cp.Problem(cp.Minimize(cost), constraints)
    if not _solve(problem):
        return None, -np.inf, 0.0
    slack = TOLERANCE * unit * n
    return np.asarray(at.value).argmax(axis=1).astype(np.int64), unit * _dual_bound(problem) - slack, slack


def _unit(latency: FloatArray, gain: FloatArray) -> float:
    """Size of what a request pays, to divide by: HiGHS's tolerances are absolute."""
    return float(max(np.abs(latency[np.isfinite(latency)]).max(initial=0.0), np.abs(gain).max(initial=0.0))) or 1.0


def _solve(problem: cp.Problem) -> bool:
    # HiGHS through SciPy: the same solver as cp.HIGHS, which prints a banner whatever it is told
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # cvxpy's word for a solve that the time limit ended; the bound says it better
        try:
            problem.solve(solver=cp.SCIPY, scipy_options={"time_limit": TIME_LIMIT, "mip_rel_gap": 0.0})
        except cp.SolverError:  # the time limit came before any feasible point
            return False
    value: Any = problem.value
    return value is not None and bool(np.isfinite(value))


def _dual_bound(problem: cp.Problem) -> float:
    """HiGHS's bound on the objective (which has no constant part), proved up to its feasibility tolerance of 1e-6."""
    stats: Any = problem.solver_stats
    bound = stats.extra_stats["mip_dual_bound"]
    return float(bound) if bound is not None else -np.inf
