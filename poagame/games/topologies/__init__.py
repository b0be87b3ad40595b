"""Clusters as one-liners: nodes, what a KV block costs between any two of them, and where to draw them."""

from poagame.games.topologies.links import (
    HBM3E,
    INFINIBAND_NDR,
    INFINIBAND_XDR,
    NETWORK_STORAGE,
    NVLINK_4,
    NVLINK_5,
    NVME_GEN5,
    PCIE_GEN5_X16,
    Link,
    kv_block_bytes,
)
from poagame.games.topologies.nested import complete, fat_tree, two_level
from poagame.games.topologies.record import MAX_NODES, Topology
from poagame.games.topologies.uniform import grid, line, random_geometric, ring, star

__all__ = [
    "HBM3E",
    "INFINIBAND_NDR",
    "INFINIBAND_XDR",
    "MAX_NODES",
    "NETWORK_STORAGE",
    "NVLINK_4",
    "NVLINK_5",
    "NVME_GEN5",
    "PCIE_GEN5_X16",
    "Link",
    "Topology",
    "complete",
    "fat_tree",
    "grid",
    "kv_block_bytes",
    "line",
    "random_geometric",
    "ring",
    "star",
    "two_level",
]
