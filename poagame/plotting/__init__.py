"""Figures of results, one function a result; nothing that a reader would take for a result is computed here.

Every function draws into the axes it is given, or into a figure of its own, and returns the figure; `save` writes it
reproducibly.
"""

from poagame.plotting.curves import plot_curves, plot_heat_map, plot_knee, plot_latency_fit, plot_small_multiples
from poagame.plotting.placement import plot_placements
from poagame.plotting.records import (
    plot,
    plot_anarchy_curve,
    plot_attribution,
    plot_led_curve,
    plot_logit_branch,
    plot_operating_curve,
    plot_poa_hat,
    plot_pressure_curve,
    plot_report,
)
from poagame.plotting.resource import (
    plot_generalised,
    plot_generalised_set,
    plot_planner_run,
    plot_shares,
    plot_split_map,
    plot_stability_map,
)
from poagame.plotting.style import save

__all__ = [
    "plot",
    "plot_anarchy_curve",
    "plot_attribution",
    "plot_curves",
    "plot_generalised",
    "plot_generalised_set",
    "plot_heat_map",
    "plot_knee",
    "plot_latency_fit",
    "plot_led_curve",
    "plot_logit_branch",
    "plot_operating_curve",
    "plot_placements",
    "plot_planner_run",
    "plot_poa_hat",
    "plot_pressure_curve",
    "plot_report",
    "plot_shares",
    "plot_small_multiples",
    "plot_split_map",
    "plot_stability_map",
    "save",
]
