"""Sets as Python's integers, a bit for each member, and cliques of a graph whose rows are such sets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def words(rows: np.ndarray) -> list[int]:
    """Return rows of bools as integers, entry s as bit s."""
    packed = np.packbits(rows, axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def members(word: int) -> Iterator[int]:
    """Yield the bits of a word, from the lowest."""
    while word:
        low = word & -word
        yield low.bit_length() - 1
        word ^= low


def grown(s: int, conflict: list[int], within: int, first: int = 0) -> list[int]:
    """A clique of the graph of conflicts around s, inside a set, that nothing there can be added to; members of `first` come first."""
    clique, left = [s], conflict[s] & within
    while left:
        pick = left & first or left
        x = (pick & -pick).bit_length() - 1
        clique.append(x)
        left &= conflict[x]
    return clique


def edge_cliques(conflict: list[int]) -> Iterator[list[int]]:
    """Cliques that hold every pair in conflict."""
    uncovered = list(conflict)
    for s in range(len(conflict)):
        while uncovered[s]:
            t = (uncovered[s] & -uncovered[s]).bit_length() - 1
            clique = [s, *grown(t, conflict, conflict[s], uncovered[s])]
            all_of = sum(1 << x for x in clique)
            for x in clique:
                uncovered[x] &= ~all_of
            yield clique
