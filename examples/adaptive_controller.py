"""A load spike on one prefill and five decode workers: does a controller that moves τ and ω help?

    python examples/adaptive_controller.py [figure.svg]

16 clients, 256 from 30 s to 90 s. The controller has the paper's table of (τ, ω) by regime. Clients wait for the one prefill worker, so no
router comes below the bound that queueing theory proves, and none gains: measure where the queue is before you tune the router.
"""

from __future__ import annotations

import sys

import numpy as np

import poagame as pg
from poagame.serving import AdaptiveController, ClosedLoop, DynamoRouter, RegimeDetector, Workload, simulate
from poagame.serving import simulate_adaptive as adapt
from poagame.serving.experiments import paper_cluster, paper_prompts, prefill_bound

SECOND = 1000.0


def main(figure: str = "adaptive_controller.svg") -> dict[str, float]:
    """Print mean latency in the spike by router, and draw it in bins of 5 s."""
    cluster = paper_cluster(1, 5)
    workload = Workload(paper_prompts(8000), ClosedLoop.spike(16, 256, begin_ms=30 * SECOND, end_ms=90 * SECOND))
    controller = AdaptiveController(RegimeDetector(baseline_ttft_ms=20.0))
    adapted = adapt(cluster, workload, controller, poll_ms=5 * SECOND)
    runs = {
        "static (τ, ω) = (0, 1)": simulate(cluster, workload, DynamoRouter()),
        "adaptive, the paper's table": adapted.requests,
    }
    moved = adapted.polls.filter(adapted.polls["policy"].shift(1) != adapted.polls["policy"])
    print(f"the controller switches at {(moved['time_ms'] / SECOND).to_list()} s")

    edges = np.arange(0.0, 125.0, 5.0) * SECOND
    bound = prefill_bound(cluster, 256)
    curves, inside = {}, {}
    for name, table in runs.items():
        frame = table.collect()
        sent, latency = frame["arrival_ms"].to_numpy(), frame["latency_ms"].to_numpy()
        bins = np.digitize(sent, edges)
        curves[name] = [latency[bins == k].mean() if (bins == k).any() else np.nan for k in range(1, len(edges))]
        inside[name] = float(latency[(sent > 45 * SECOND) & (sent < 84 * SECOND)].mean())
        print(f"{name:<28} mean latency in the spike {inside[name]:,.0f} ms = {inside[name] / bound:.3f} × the bound")
    drawn = pg.plotting.plot_curves(
        edges[1:] / SECOND,
        curves,
        xlabel="sent at [s]",
        ylabel="mean latency [ms]",
        references={"no router of decodes below": bound},
        log_load=False,
    )
    pg.plotting.save(drawn, figure)
    assert min(inside.values()) >= bound
    return inside


if __name__ == "__main__":
    main(*sys.argv[1:2])
