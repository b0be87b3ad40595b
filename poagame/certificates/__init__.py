"""Is this answer right, and how far off? Evaluated from the game alone; imports no solver."""

from poagame.certificates.correlated import CorrelatedCertificate, certify_correlated
from poagame.certificates.coupled import CoupledCertificate, certify_coupled
from poagame.certificates.duality import assignment_lower_bound, routing_lower_bound
from poagame.certificates.facility import facility_lower_bound
from poagame.certificates.flow import FlowCertificate, certify_flow, flow_lower_bound
from poagame.certificates.generalised import GeneralisedCertificate, certify_generalised
from poagame.certificates.hierarchical import hierarchical_lower_bound
from poagame.certificates.logit import LogitCertificate, certify_logit
from poagame.certificates.mixed import certify_mixed
from poagame.certificates.nash import NashCertificate, certify_nash, regret
from poagame.certificates.payments import certify_payments
from poagame.certificates.potential import FourCycle, is_exact_potential, potential, potential_violation
from poagame.certificates.splittable import SplittableCertificate, certify_splittable
from poagame.certificates.stochastic import StochasticCertificate, certify_stochastic
from poagame.certificates.variational import VariationalCertificate, certify_variational

__all__ = [
    "CorrelatedCertificate",
    "CoupledCertificate",
    "FlowCertificate",
    "FourCycle",
    "GeneralisedCertificate",
    "LogitCertificate",
    "NashCertificate",
    "SplittableCertificate",
    "StochasticCertificate",
    "VariationalCertificate",
    "assignment_lower_bound",
    "certify_correlated",
    "certify_coupled",
    "certify_flow",
    "certify_generalised",
    "certify_logit",
    "certify_mixed",
    "certify_nash",
    "certify_payments",
    "certify_splittable",
    "certify_stochastic",
    "certify_variational",
    "facility_lower_bound",
    "flow_lower_bound",
    "hierarchical_lower_bound",
    "is_exact_potential",
    "potential",
    "potential_violation",
    "regret",
    "routing_lower_bound",
]
