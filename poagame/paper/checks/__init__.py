"""The checks, a module a subject; `ALL` lists the claims in the order of the ledger."""

from poagame.paper.checks import (
    caching,
    classical,
    estimator,
    open,
    potential,
    resource,
    router,
    saturation,
    temperature,
)
from poagame.paper.record import Claim

ALL: tuple[Claim, ...] = tuple(
    claim
    for subject in (resource, caching, potential, router, temperature, saturation, classical, estimator, open)
    for claim in subject.CLAIMS
)
