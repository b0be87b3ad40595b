"""The storage hierarchy of a KV-cache block manager: HBM, host memory, local SSD, network storage, with public figures.

.. [kvbm] NVIDIA: Dynamo KV Block Manager, design documents: tiers G1 (GPU), G2 (host), G3 (local disk), G4 (remote).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poagame._arrays import as_floats, require
from poagame.games.tiers import Tiers
from poagame.games.topologies.links import HBM3E, NETWORK_STORAGE, NVME_GEN5, PCIE_GEN5_X16, Link, hop_costs

NAMES = ("G1 HBM", "G2 DRAM", "G3 SSD", "G4 network")
"""As the KV Block Manager numbers them."""

PRICE = (1.0, 0.25, 0.01, 0.0025)
"""Of a byte, relative to HBM: rough orders of magnitude of list prices and analysts' estimates in 2023 to 2025, rounded here: HBM3e some
15 $/GB, DDR5 server memory 4, enterprise NVMe flash 0.15, bulk storage 0.04. HBM has no public price, and all move by factors in a year."""


def kv_tiers(
    block_bytes: float | None = None,
    *,
    hbm: float | Link = HBM3E,
    dram: float | Link = PCIE_GEN5_X16,
    ssd: float | Link = NVME_GEN5,
    network: float | Link = NETWORK_STORAGE,
    price: Sequence[float] = PRICE,
) -> Tiers:
    r"""The four tiers [kvbm]_ of a node's KV cache: what a place for a block costs beside HBM, and the time to read a block from it.

    Access is latency + bytes / bandwidth of the tier's way to the GPU. By default, with sources at `poagame.games.topologies.links`:

    ========== ============================================= ===== ========================
    tier       read at                                       price a block of 160 MiB takes
    ========== ============================================= ===== ========================
    G1 HBM     8 TB/s, HBM3e of a B200                       1     21.5 µs
    G2 DRAM    64 GB/s, PCIe Gen5 × 16                       1/4   2.62 ms
    G3 SSD     14 GB/s and 0.1 ms, one NVMe drive            1/100 12.1 ms
    G4 network 12.5 GB/s and 1 ms, two ports for eight GPUs  1/400 14.4 ms
    ========== ============================================= ===== ========================

    Cheaper tiers are slower. That hangs on the shares: a GPU that has a port of 400 Gb/s (50 GB/s) to storage for itself reads blocks above
    18 MB from there sooner than from its one drive. Prices are rough and ours (`PRICE`).

    Parameters
    ----------
    block_bytes : float, optional
        Bytes of a block; by default `kv_block_bytes()`, 512 tokens of Llama-3.1-70B.
    hbm, dram, ssd, network : Link or float
        The way from the tier to the GPU: all links, or all numbers, the abstract cost of a read.
    price : [4]
        ≥ 0, of a block's place relative to a node's placement cost.

    Raises
    ------
    InvalidInput
        If ways are neither all links nor all positive numbers, block_bytes is not positive or given without links, or prices are not four
        numbers ≥ 0.

    Examples
    --------
    >>> kv_tiers().access.round(1).tolist()
    [21.5, 2622.4, 12083.7, 14421.8]
    >>> kv_tiers(block_bytes=5 * 2**20).access.round(1).tolist()
    [1.2, 82.9, 474.5, 1419.4]
    >>> kv_tiers(hbm=1.0, dram=10.0, ssd=100.0, network=1000.0)
    Tiers(('G1 HBM', 'G2 DRAM', 'G3 SSD', 'G4 network'), price=[1.0, 0.25, 0.01, 0.0025], access=[1.0, 10.0, 100.0, 1000.0])
    """
    access, _ = hop_costs(block_bytes, hbm=hbm, dram=dram, ssd=ssd, network=network)
    prices = as_floats(np.asarray(price), "price")
    require(
        prices.shape == (4,) and bool((prices >= 0).all()),
        f"price must be four numbers >= 0, for {', '.join(NAMES)}; got {price!r:.60}",
    )
    return Tiers(NAMES, prices, access)
