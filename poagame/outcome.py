"""How a solver ended, as sentences."""

from __future__ import annotations

import enum


class Outcome(enum.Enum):
    """How a solver ended; the value is the sentence that a report prints."""

    CONVERGED = "converged: the certificate holds at the returned point"
    MAX_STEPS_REACHED = "stopped at max_steps without converging"
    STALLED = "stopped: rounding allows no smaller gap"
    CYCLE_FOUND = "best replies came back to an earlier profile: the dynamics cycle"
    OPTIMAL = "optimal: the bound meets the cost"
    BOUNDED = "not proved optimal: the optimum lies between the bound and the cost"
    NO_EQUILIBRIUM_FOUND = "no equilibrium was found"
    TIME_LIMIT_REACHED = "stopped at the time limit without converging"
    NO_EQUILIBRIUM = "there is no pure equilibrium: every profile was looked at"

    def __str__(self) -> str:
        """The sentence."""
        return self.value
