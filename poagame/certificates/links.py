"""Wardrop equilibria of many games on parallel links, checked from the definition of their costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import FloatArray, require
from poagame.latency import Latency


@dataclass(frozen=True, eq=False, slots=True)
class LinksCertificate:
    """How far the loads of each game are from a Wardrop equilibrium.

    Attributes
    ----------
    relative_gap : [B]
        (total − demand × cheapest link) / total; 0 exactly at an equilibrium. Where everything is free it is 0.
    social_cost : [B]
        Σ load · latency.
    conservation_error : [B]
        |Σ load − demand| / demand.
    """

    relative_gap: FloatArray
    social_cost: FloatArray
    conservation_error: FloatArray


def certify_links(latency: Latency, load: FloatArray, demand: FloatArray) -> LinksCertificate:
    """Certificate of loads [B, L] that carry `demand` [B] on links of `latency`, of B·L resources game after game."""
    require(bool((load >= 0).all()), "loads must be nonnegative and not NaN")
    require(bool((demand > 0).all()), "demands must be positive")
    prices = np.asarray(latency(load.reshape(-1))).reshape(load.shape)
    total = (load * np.where(load > 0, prices, 0.0)).sum(axis=1)
    finite = np.isfinite(total)
    excess = np.maximum(
        np.where(finite, total, 0.0) - load.sum(axis=1) * np.where(finite, prices.min(axis=1), 0.0), 0.0
    )
    gap = np.where(finite, excess / np.where((total > 0) & finite, total, 1.0), np.inf)
    return LinksCertificate(gap, total, np.abs(load.sum(axis=1) - demand) / demand)
