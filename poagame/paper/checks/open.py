"""Claims that no game or table of this library can test yet: what they say, and what would decide them."""

from __future__ import annotations

from collections.abc import Callable

from poagame.paper.record import Claim, Finding, Standing


def _open(why: str, decided_by: str) -> Callable[[], Finding]:
    def test() -> Finding:
        return Finding(Standing.UNDECIDED, "no data", why, decided_by=decided_by)

    return test


CLAIMS = (
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
        "caching-transition",
        "The caching game has a transition like the routing game's.",
        "Prop 5 (P: its title)",
        _open(
            "Only the title is known, and in the paper's runs blocks never left HBM (S).",
            "a caching game with tiers and capacities, swept over demand",
        ),
    ),
    Claim(
        "coupling-oscillates",
        "Cache, router and planner coupled with delay can oscillate.",
        "section 4.4 (S)",
        _open("No coupled game with delays is here.", "a simulation of the three with the planner's 30 s step"),
    ),
    Claim(
        "queueing-two",
        "Selfish no-regret queues stay stable if the servers could serve twice the arrivals.",
        "Gaitonde and Tardos, among the references (P)",
        _open(
            "No queueing game with learning players is here.",
            "a simulation of queues that learn, below and above the factor 2; the proof is theirs",
        ),
    ),
)
