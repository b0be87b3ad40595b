"""From Pigou's two roads to two decode workers of a B200: what selfish routing costs at each load.

    python examples/pigou_to_b200.py [figure.svg]

Pigou's price of anarchy is 4/3, the most that straight lines can have. Measured latency of Llama-3.1-70B on B200 (ships with poagame,
aggregated serving) rises faster than a line near its limit, yet *equal* workers share the load and lose nothing. A fleet that is not
equal, one worker at half speed, does lose, and the tight bound says how much any fleet of such latencies could.
"""

from __future__ import annotations

import sys

import numpy as np

import poagame as pg

SERIES = "b200_sxm meta-llama/Llama-3.1-70B trtllm fp8 TP4 agg 1024/1024"


def main(figure: str = "pigou_to_b200.svg") -> pg.AnarchyCurve:
    """Print Pigou's price of anarchy, and draw that of two unequal B200 workers by load."""
    pigou = pg.price_of_anarchy(pg.instances.pigou(1))
    print(f"Pigou: {pigou.poa:.6f}, exact: {pigou.exact}\n")
    assert abs(pigou.poa - 4 / 3) < 1e-9

    sweep = pg.read_sweep(pg.shipped.path("measured_b200_llama31_70b"))
    itl = pg.fit_latency(sweep, "saturating", metric="itl_ms", where={"series": SERIES}).latency
    unequal = pg.latency.Stacked.of([itl, itl * 2.0])
    demand = np.geomspace(2.0, 256.0, 15)
    curve = pg.anarchy_curve(pg.NetworkRouting.parallel(unequal, demand=1.0), demand)
    bound = pg.bounds.anarchy_value(itl, 256.0).value
    worst = curve.poa.argmax()
    print(f"two B200 workers, one at half speed: at most {curve.poa[worst]:.4f}, at {demand[worst]:.0f} requests")
    print(f"any fleet of workers with this latency, up to 256 requests each: at most {bound:.4f}")

    drawn = pg.plotting.plot_curves(
        demand,
        {"one at half speed": (curve.poa, curve.poa_low, curve.poa_high)},
        xlabel="load [requests in flight]",
        ylabel="price of anarchy [1]",
        references={"any fleet": bound, "no loss": 1.0},
    )
    pg.plotting.save(drawn, figure)
    assert ((curve.poa >= 1.0 - 1e-9) & (curve.poa_low <= bound)).all()
    return curve


if __name__ == "__main__":
    main(*sys.argv[1:2])
