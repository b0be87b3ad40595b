"""What it costs to move one KV block over a link: public bandwidths, and the bytes of a block.

Bandwidths are peaks of one direction, for a block is read one way, in GB/s of 10⁹ bytes as vendors count. Latencies are rounded orders of
magnitude of published microbenchmarks, chosen here and no vendor's promise; beside the transfer of a block of megabytes they matter little,
except for network storage.

.. [blackwell] NVIDIA: Blackwell architecture and DGX B200 data sheets: HBM3e 8 TB/s a GPU, NVLink 5 1.8 TB/s a GPU in both directions.
.. [dgx] NVIDIA: DGX B200 data sheet: for eight GPUs eight NVMe drives, and two BlueField-3 of up to 400 Gb/s towards storage.
.. [hopper] NVIDIA: H100 data sheet: NVLink 4 900 GB/s a GPU in both directions.
.. [quantum] NVIDIA: Quantum-2 (NDR, 400 Gb/s a port) and Quantum-X800 (XDR, 800 Gb/s a port) data sheets.
.. [pcie5] PCI-SIG: PCI Express base specification 5.0: 32 GT/s a lane, 64 GB/s for 16 lanes in one direction before encoding.
.. [nvme5] Samsung PM1743, Micron 9550: data sheets of NVMe drives on PCIe 5.0, sequential reads up to 14 GB/s.
.. [llama] Grattafiori et al.: The Llama 3 herd of models, arXiv 2407.21783 (2024), table 3.
.. [mooncake] Qin et al.: Mooncake: trading more storage for less computation, FAST 2025 (its traces have blocks of 512 tokens).
"""

from __future__ import annotations

from dataclasses import dataclass

from poagame._arrays import require
from poagame.errors import InvalidInput
from poagame.games.checks import finite, positive, shown, whole

LARGEST_COST = 1e300
"""Of one hop, so that the longest path stays in the range of floats."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link, or a storage tier's way to the GPU: transfer time = latency + bytes / bandwidth.

    Parameters
    ----------
    gigabytes_per_second : float
        Bandwidth of one direction, in 10⁹ bytes a second, positive.
    latency_us : float
        What a transfer takes whatever its size, in µs, ≥ 0.
    source : str
        Where the figures come from.

    Raises
    ------
    InvalidInput
        If the bandwidth is not positive or the latency negative, or either no finite number.

    Examples
    --------
    >>> Link(50.0, latency_us=2.0).cost(1e6)
    22.0
    """

    gigabytes_per_second: float
    latency_us: float = 0.0
    source: str = ""

    def __post_init__(self) -> None:
        positive(self.gigabytes_per_second, "gigabytes_per_second")
        latency = finite(self.latency_us, "latency_us")
        require(latency >= 0.0, f"latency_us must be >= 0; got {latency:g}")

    def cost(self, block_bytes: float) -> float:
        """µs to move one block of `block_bytes` bytes.

        Raises
        ------
        InvalidInput
            If the bytes are not a positive number.
        """
        return self.latency_us + positive(block_bytes, "block_bytes") / (self.gigabytes_per_second * 1e3)


NVLINK_4 = Link(450.0, 1.0, "[hopper]: half of 900 GB/s; latency of the order of 1 µs")
"""H100 and H200, inside a node."""

NVLINK_5 = Link(900.0, 1.0, "[blackwell]: half of 1.8 TB/s; latency of the order of 1 µs")
"""B200 and GB200, inside an NVLink domain."""

INFINIBAND_NDR = Link(50.0, 2.0, "[quantum]: 400 Gb/s a port; latency of the order of 2 µs between adapters")
"""One port a GPU, between nodes."""

INFINIBAND_XDR = Link(100.0, 2.0, "[quantum]: 800 Gb/s a port; latency of the order of 2 µs between adapters")
"""One port a GPU, between nodes."""

PCIE_GEN5_X16 = Link(64.0, 1.0, "[pcie5]; latency of the order of 1 µs")
"""GPU to host memory."""

HBM3E = Link(8000.0, 0.5, "[blackwell]: 8 TB/s; latency of the order of 0.5 µs")
"""A B200's own memory."""

NVME_GEN5 = Link(14.0, 100.0, "[nvme5]: 14 GB/s; latency of the order of 100 µs")
"""One local drive a GPU, as [dgx]_ has."""

NETWORK_STORAGE = Link(12.5, 1000.0, "[dgx]: two ports of 400 Gb/s for eight GPUs; latency of the order of 1 ms")
"""One GPU's share of its node's ports to remote storage."""


def kv_block_bytes(
    tokens: int = 512, layers: int = 80, kv_heads: int = 8, head_dim: int = 128, bytes_per_value: float = 2.0
) -> float:
    """Bytes of one KV block: a key and a value for each token, layer, KV head and dimension.

    The default is Llama-3.1-70B [llama]_ in 16 bits, 320 KiB a token, with blocks of 512 tokens as in [mooncake]_; engines such as vLLM
    take 16. Of a model on several GPUs give each one's share, such as `kv_heads=2` for tensor parallelism over 4.

    Parameters
    ----------
    tokens, layers, kv_heads, head_dim : int
        Tokens of a block and the model's shape, each at least 1.
    bytes_per_value : float
        2 for 16 bits, 1 for FP8, 0.5 for FP4.

    Raises
    ------
    InvalidInput
        If a number is not whole or below 1, or bytes_per_value is not positive.

    Examples
    --------
    >>> kv_block_bytes(), kv_block_bytes(tokens=16) / 2**20
    (167772160.0, 5.0)
    >>> round(NVLINK_5.cost(kv_block_bytes()), 1), round(INFINIBAND_NDR.cost(kv_block_bytes()), 1)
    (187.4, 3357.4)
    """
    shape = {"tokens": tokens, "layers": layers, "kv_heads": kv_heads, "head_dim": head_dim}
    values = 2
    for name, number in shape.items():
        values *= whole(number, name, 1, 10**9)
    return values * positive(bytes_per_value, "bytes_per_value")


def hop_costs(block_bytes: float | None, **hops: float | Link) -> tuple[list[float], str]:
    """Cost of a block over each hop, and its unit: "µs/block" of links, "1" of plain numbers.

    Raises
    ------
    InvalidInput
        If a hop is neither a link nor a positive number, links and numbers are mixed, or block_bytes is given where there is no link.
    """
    links = [name for name, hop in hops.items() if isinstance(hop, Link)]
    if not links:
        require(
            block_bytes is None,
            f"block_bytes is for links, and {' and '.join(hops)} is a number, a block's cost already; leave block_bytes out",
        )
        return [_bounded(positive(_number(hop, name), name), name) for name, hop in hops.items()], "1"
    require(
        len(links) == len(hops),
        f"{' and '.join(hops)} are all links or all numbers: a sum of µs and of abstract units means nothing",
    )
    size = kv_block_bytes() if block_bytes is None else positive(block_bytes, "block_bytes")
    return [_bounded(hop.cost(size), name) for name, hop in hops.items() if isinstance(hop, Link)], "µs/block"


def _number(hop: object, name: str) -> object:
    if isinstance(hop, str | bool) or hop is None:
        raise InvalidInput(f"{name} is a Link or a positive number; got {shown(hop)}")
    return hop


def _bounded(cost: float, name: str) -> float:
    require(cost <= LARGEST_COST, f"{name} costs {cost:g} a block; the most that paths can add up is {LARGEST_COST:g}")
    return cost
