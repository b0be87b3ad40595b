"""Price of anarchy against demand of a network in TNTP files.

    python examples/tntp_curve.py SiouxFalls_net.tntp SiouxFalls_trips.tntp [figure.svg]

Files: https://github.com/bstabler/TransportationNetworks (for academic research).
"""

from __future__ import annotations

import sys

import numpy as np

import poagame as pg


def main(net: str, trips: str, figure: str = "tntp_curve.svg") -> pg.AnarchyCurve:
    """Print the price of anarchy at the demand in the files, and draw it from a tenth to ten times that demand."""
    game = pg.read_tntp(net, trips)
    print(f"{game.num_edges} links, {game.num_commodities} commodities, total demand {game.total_demand:,.1f}")
    print(pg.price_of_anarchy(game))
    factors = np.geomspace(0.1, 10.0, 31)
    curve = pg.anarchy_curve(game, factors * game.total_demand)
    band = (curve.poa, curve.poa_low, curve.poa_high)
    drawn = pg.plotting.plot_curves(factors, {"PoA": band}, ylabel="PoA [1]", xlabel="demand / demand in the file [1]")
    print(f"largest {curve.poa.max():.6f} at {factors[curve.poa.argmax()]:.3g} times the demand; figure in {figure}")
    pg.plotting.save(drawn, figure)
    assert (curve.poa_low >= 1.0).all()
    return curve


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
