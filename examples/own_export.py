"""Your own load-generator export: from a file to PoA-hat, a knee and a figure.

    python examples/own_export.py [FILE [figure.svg]]

The file is a per-request export of aiperf, guidellm, SGLang, vLLM or Dynamo, of several load levels, or poagame's own CSV; without one, a
recording of Dynamo's real router over five workers with a simulated engine, which ships with poagame. Worker ids have to be in it: see
docs/howto_record.md.
"""

from __future__ import annotations

import sys

import poagame as pg


def main(file: str = "", figure: str = "own_export.svg") -> pg.PoaHat:
    """Print what the file says about routing, and draw PoA-hat by load."""
    table = pg.read_requests(file or pg.shipped.path("agg5_sweep.requests"))
    frozen = pg.poa_hat(table, cost="frozen").by_group["value"]
    congestion = pg.poa_hat(table, cost="congestion")
    print(f"{table}\n\n{congestion}\n\n{pg.find_knee(table)}\n")

    groups = congestion.by_group
    low, high = groups["assignment_low"], groups["assignment_high"]
    routing = "loses nothing that the model can see" if low.max() <= 1.001 else f"loses up to {high.max() - 1:.1%}"
    print(
        f"verdict: routing {routing}; the frozen index, {frozen.min():.2f} to {frozen.max():.2f}, is load, not inefficiency"
    )

    drawn = pg.plotting.plot_curves(
        groups["concurrency"],
        {
            "frozen: an index of load": frozen,
            "assignment ratio: what routing loses": (groups["assignment_ratio"], low, high),
        },
        ylabel="ratio [1]",
    )
    pg.plotting.save(drawn, figure)
    assert (groups["assignment_ratio"] >= 1.0).all()
    return congestion


if __name__ == "__main__":
    main(*sys.argv[1:3])
