"""Is this answer right, and how far off? Evaluated from the game alone; imports no solver."""

from poagame.certificates.duality import assignment_lower_bound, routing_lower_bound
from poagame.certificates.nash import NashCertificate, certify_nash, regret
from poagame.certificates.potential import FourCycle, is_exact_potential, potential, potential_violation

__all__ = [
    "FourCycle",
    "NashCertificate",
    "assignment_lower_bound",
    "certify_nash",
    "is_exact_potential",
    "potential",
    "potential_violation",
    "regret",
    "routing_lower_bound",
]
