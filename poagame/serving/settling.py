"""Transients: how far a series overshoots after a change, when it settles, and how often it goes from side to side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import BoolArray, FloatArray, IntArray, as_floats, require
from poagame.games.checks import finite, positive


@dataclass(frozen=True, eq=False, slots=True)
class Settling:
    """Transients of series [..., n] towards a target; all fields have shape [...].

    Attributes
    ----------
    overshoot : [...]
        How far beyond the target, seen from where the series starts, it goes at most; 0 if it never does. In its unit.
    settled : [...] bool
        Whether it ends within the band.
    steps : [...]
        Steps until it stays within the band for good; n if it has not settled.
    crossings : [...]
        Times that it goes from above the band to below or back; stays within the band do not count.
    """

    overshoot: FloatArray
    settled: BoolArray
    steps: IntArray
    crossings: IntArray


def settling(series: ArrayLike, target: float, band: float) -> Settling:
    """Transients of series [..., n] that should come to `target` ± `band`, all in one unit.

    Raises
    ------
    InvalidInput
        If the series is empty or not finite, or the band not positive.

    Examples
    --------
    >>> one = settling([9.0, 5.0, 1.0, 3.5, 3.0, 2.8], target=3.0, band=0.6)
    >>> float(one.overshoot), bool(one.settled), int(one.steps), int(one.crossings)
    (2.0, True, 3, 1)
    """
    values = as_floats(series, "series")
    require(values.ndim >= 1 and values.shape[-1] >= 1, f"series is [..., steps]; got shape {values.shape}")
    target, band = finite(target, "target"), positive(band, "band")
    away = values - target
    # a series that starts at its target has no side to come from, so it overshoots either way
    side = np.sign(away[..., :1])
    beyond = np.where(side == 0, np.abs(away), -side * away)
    outside = np.abs(away) > band
    n = values.shape[-1]
    steps = np.where(outside.any(axis=-1), n - np.argmax(outside[..., ::-1], axis=-1), 0)
    return Settling(np.maximum(beyond.max(axis=-1), 0.0), ~outside[..., -1], steps, _crossings(np.sign(away) * outside))


def switches(regimes: ArrayLike) -> IntArray:
    """[...] changes along the last axis of regimes [..., n].

    Raises
    ------
    InvalidInput
        If regimes is no array of at least one step.
    """
    values = as_floats(regimes, "regimes")
    require(values.ndim >= 1 and values.shape[-1] >= 1, f"regimes is [..., steps]; got shape {values.shape}")
    return np.count_nonzero(np.diff(values, axis=-1), axis=-1)


def _crossings(side: FloatArray) -> IntArray:
    """Changes of sign along the last axis, zeros passed over."""
    last = np.maximum.accumulate(np.where(side != 0, np.arange(side.shape[-1]), -1), axis=-1)
    held = np.where(last >= 0, np.take_along_axis(side, np.maximum(last, 0), axis=-1), 0.0)
    return np.count_nonzero(held[..., 1:] * held[..., :-1] < 0, axis=-1)
