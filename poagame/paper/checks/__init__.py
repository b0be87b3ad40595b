"""The checks, a module a subject; `ALL` lists the claims in the order of the ledger."""

from poagame.paper.checks import (
    anarchy,
    caching,
    caching_clusters,
    caching_storage,
    classical,
    coupled,
    dynamics,
    estimator,
    open,
    potential,
    resource,
    router,
    saturation,
    serving,
    temperature,
)
from poagame.paper.record import Claim

ALL: tuple[Claim, ...] = tuple(
    claim
    for subject in (
        resource,
        coupled,
        caching,
        caching_clusters,
        caching_storage,
        potential,
        dynamics,
        router,
        temperature,
        saturation,
        serving,
        anarchy,
        classical,
        estimator,
        open,
    )
    for claim in subject.CLAIMS
)
