"""What selfishness costs in disaggregated LLM serving, and what brings it back.

The public names, loaded when first used: importing poagame starts no solver and loads neither cvxpy, polars nor matplotlib.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poagame import (
        anarchy,
        batched,
        bounds,
        certificates,
        errors,
        estimator,
        games,
        latency,
        measured,
        plotting,
        shipped,
        solvers,
        testing,
    )
    from poagame.anarchy import AnarchyReport, price_of_anarchy
    from poagame.certificates import certify_nash, is_exact_potential, potential, potential_violation, regret
    from poagame.errors import PoagameError, TooLarge, UndefinedRatio
    from poagame.estimator import PoaHat, find_knee, poa_hat
    from poagame.games import RoutingGame
    from poagame.measured import fit_latency, read_decisions, read_requests, read_sweep, write_table
    from poagame.outcome import Outcome
    from poagame.solvers import (
        BestResponse,
        Equilibrium,
        Optimum,
        equilibria,
        equilibrium,
        improvement_cycle,
        social_optimum,
    )

_HOME = {
    "AnarchyReport": "anarchy",
    "BestResponse": "solvers",
    "Equilibrium": "solvers",
    "Optimum": "solvers",
    "Outcome": "outcome",
    "PoaHat": "estimator",
    "PoagameError": "errors",
    "RoutingGame": "games",
    "TooLarge": "errors",
    "UndefinedRatio": "errors",
    "certify_nash": "certificates",
    "equilibria": "solvers",
    "equilibrium": "solvers",
    "find_knee": "estimator",
    "fit_latency": "measured",
    "improvement_cycle": "solvers",
    "is_exact_potential": "certificates",
    "poa_hat": "estimator",
    "potential": "certificates",
    "potential_violation": "certificates",
    "price_of_anarchy": "anarchy",
    "read_decisions": "measured",
    "read_requests": "measured",
    "read_sweep": "measured",
    "regret": "certificates",
    "social_optimum": "solvers",
    "write_table": "measured",
}

_MODULES = {
    "anarchy",
    "batched",
    "bounds",
    "certificates",
    "errors",
    "estimator",
    "games",
    "latency",
    "measured",
    "plotting",
    "shipped",
    "solvers",
    "testing",
}

__all__ = [
    "AnarchyReport",
    "BestResponse",
    "Equilibrium",
    "Optimum",
    "Outcome",
    "PoaHat",
    "PoagameError",
    "RoutingGame",
    "TooLarge",
    "UndefinedRatio",
    "anarchy",
    "batched",
    "bounds",
    "certificates",
    "certify_nash",
    "equilibria",
    "equilibrium",
    "errors",
    "estimator",
    "find_knee",
    "fit_latency",
    "games",
    "improvement_cycle",
    "is_exact_potential",
    "latency",
    "measured",
    "plotting",
    "poa_hat",
    "potential",
    "potential_violation",
    "price_of_anarchy",
    "read_decisions",
    "read_requests",
    "read_sweep",
    "regret",
    "shipped",
    "social_optimum",
    "solvers",
    "testing",
    "write_table",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"poagame.{_HOME[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"poagame.{name}")
    raise AttributeError(f"module 'poagame' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
