"""How to split 24 GPUs between prefill and decode, and what a Planner that settles for any equilibrium may cost.

    python examples/gpu_split.py [figure.svg]

Prefill keeps TTFT below 500 ms (a queue of prompts), decode keeps ITL below 10 ms (measured latency of Llama-3.1-70B on B200 by batch,
aggregated serving). As the budget is shared, many splits are equilibria: no pool gives up a GPU that it holds.
"""

from __future__ import annotations

import sys

import numpy as np

import poagame as pg

SERIES = "b200_sxm meta-llama/Llama-3.1-70B trtllm fp8 TP4 agg 1024/1024"


def main(figure: str = "gpu_split.svg") -> pg.anarchy.SplitMap:
    """Print the best split at each load and what the worst equilibrium costs there, and draw the map."""
    sweep = pg.read_sweep(pg.shipped.path("measured_b200_llama31_70b"))
    itl = pg.fit_latency(sweep, "tabulated", metric="itl_ms", where={"series": SERIES}).latency
    prefill = pg.PrefillQueue(1.0, service_ms=192.18, target_ms=500.0)
    decode = pg.DecodeBatch(1.0, itl, target_ms=10.0, output_tokens=1024.0, max_batch=128)
    pools = pg.ResourceGame(24, prefill, decode, "goodput", gpus_per_worker=4)

    found = pg.split_map(pools, np.arange(9.0, 16.5, 0.5))  # requests a second
    print(found)
    pg.plotting.save(pg.plotting.plot_split_map(found), figure)
    assert np.nanmin(found.pos) == 1.0  # a best split is an equilibrium somewhere …
    assert found.where("1P/5D")["goodput"].size == 0  # … and 1P/5D, an equilibrium at every load, nowhere the best
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
