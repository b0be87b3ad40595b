"""Claims that no game or table here can test yet: what they say, and what would decide them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from poagame.paper.numbers import number
from poagame.paper.record import Claim, Finding, Standing


def _published(ids: Sequence[str], decided_by: str) -> Callable[[], Finding]:
    """Numbers that nothing public lets anyone recompute."""

    def test() -> Finding:
        said = [number(id) for id in ids]
        told = "; ".join(f"{n.what}: {n} ({n.tag})" for n in said)
        text = f"Published: {told}. The runs behind it are not public, and no other published number determines it."
        figures = {n.id: n.value for n in said if n.value is not None}
        return Finding(Standing.UNDECIDED, "published numbers", text, decided_by=decided_by, figures=figures)

    return test


RUNS = "the requests of both arms, with the times of the controller's switches, or a repetition with more runs an arm"


def _open(why: str, decided_by: str) -> Callable[[], Finding]:
    def test() -> Finding:
        return Finding(Standing.UNDECIDED, "no data", why, decided_by=decided_by)

    return test


CLAIMS = (
    Claim(
        "controller-throughput",
        "At saturation the adaptive controller costs 13 % of throughput (70B, 1P/5D).",
        "Exp 3 (P)",
        _published(["surge-throughput"], RUNS),
    ),
    Claim(
        "controller-ttft",
        "After the controller's switch TTFT is 29 times better (70B, 1P/5D).",
        "Exp 3 (S)",
        _published(["surge-ttft"], RUNS),
    ),
    Claim(
        "controller-two-decoders",
        "With two decode workers the adaptive controller makes PoA-hat 2.2 times lower and TTFT P99 7.6 times lower (70B, 1P/2D).",
        "Exp 3 (P)",
        _published(["surge-gain-2d", "surge-ttft-2d"], RUNS),
    ),
    Claim(
        "latency-shape",
        "Latency is about linear below saturation, plus a term that is singular at capacity.",
        "Eq. 9 (S), whose form is not known",
        _open(
            "The exact form is not known here (base + slope·x + strain·x/(capacity − x) has the shape, I), and the shipped measurements "
            "end at 128 requests of aggregated serving, with no series known to reach its capacity.",
            "the equation; and latency of one deployment measured up to its capacity, against forms without a singularity",
        ),
    ),
    Claim(
        "pools",
        "Prefill and decode pools with the paper's service-level functions have one variational equilibrium.",
        "Prop 1 (S)",
        _open(
            "The functions by which the paper's pools value GPUs are not known here, and in all of its runs the split was fixed (P).",
            "the prefill and decode functions; then a check that their pseudogradient is strictly monotone",
        ),
    ),
    Claim(
        "queueing-two",
        "Selfish no-regret queues stay stable if the servers could serve twice the arrivals.",
        "classical bounds are quoted (P); Gaitonde and Tardos are from the references",
        _open(
            "No queueing game with learning players is here.",
            "a simulation of queues that learn, below and above the factor 2; the proof is theirs",
        ),
    ),
)
