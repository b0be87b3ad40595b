"""Long runs against enemies: `python -m tests.soak [readers] [games] [differential] [--cases N] [--seed S]`; `make soak` does all.

A million cases of each is the aim: some hours for the readers and the games, minutes for the batched solvers.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.soak.differential import soak_differential
from tests.soak.games import soak_games
from tests.soak.readers import soak_readers

KEPT = Path("soak_crashes")
PARTS: dict[str, tuple[Callable[[int, int], tuple[dict[str, int], list[str]]], int]] = {
    "readers": (lambda cases, seed: soak_readers(cases, seed, KEPT), 20_000),
    "games": (soak_games, 4_000),
    "differential": (soak_differential, 1_000_000),
}
"""Name → what to run, and how many cases unless told."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    parser.add_argument("--cases", type=int)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    failed = False
    for name in given.parts or PARTS:
        run, usual = PARTS[name]
        start = time.perf_counter()
        outcomes, wrong = run(given.cases or usual, given.seed)
        print(f"{name}: {sum(outcomes.values()):,} cases in {time.perf_counter() - start:,.0f} s")
        for outcome, count in sorted(outcomes.items()):
            print(f"  {count:>10,}  {outcome}")
        for report in wrong[:20]:
            print(f"  {report}")
        failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
