"""Extreme equilibria of a bimatrix game in exact fractions: every basis of both best-reply polyhedra, then all pairs."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

Row = tuple[Fraction, ...]


def _solve(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction] | None:
    """Gauss–Jordan; None where singular."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(len(rows)):
        pivot = next((r for r in range(column, len(rows)) if rows[r][column] != 0), None)
        if pivot is None:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [entry / rows[column][column] for entry in rows[column]]
        for r in range(len(rows)):
            if r != column and rows[r][column] != 0:
                factor = rows[r][column]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[column], strict=True)]
    return [row[-1] for row in rows]


def _vertices(costs: list[list[Fraction]]) -> dict[Row, set[int]]:
    """Vertices x of the polyhedron of an opponent with costs [m][n], each with its best replies."""
    m, n = len(costs), len(costs[0])
    found: dict[Row, set[int]] = {}
    for k in range(1, min(m, n) + 1):
        for support in combinations(range(m), k):
            for replies in combinations(range(n), k):
                matrix = [[costs[i][j] for i in support] + [Fraction(-1)] for j in replies]
                matrix.append([Fraction(1)] * k + [Fraction(0)])
                solution = _solve(matrix, [Fraction(0)] * k + [Fraction(1)])
                if solution is None or min(solution[:-1]) < 0:
                    continue
                x = [Fraction(0)] * m
                for i, value in zip(support, solution, strict=False):
                    x[i] = value
                of_reply = [sum((x[i] * costs[i][j] for i in range(m)), Fraction(0)) for j in range(n)]
                if min(of_reply) >= solution[-1]:
                    found[tuple(x)] = {j for j in range(n) if of_reply[j] == min(of_reply)}
    return found


def extreme_equilibria(first: list[list[float]], second: list[list[float]]) -> set[tuple[Row, Row]]:
    """All pairs of vertices in which every action is unplayed or a best reply; costs [m][n] of both players."""
    of_row = [[Fraction(c) for c in row] for row in first]
    of_column = [[Fraction(c) for c in row] for row in second]
    transposed = [list(column) for column in zip(*of_row, strict=True)]
    return {
        (x, y)
        for x, replies_to_x in _vertices(of_column).items()
        for y, replies_to_y in _vertices(transposed).items()
        if all(p == 0 or i in replies_to_y for i, p in enumerate(x))
        and all(q == 0 or j in replies_to_x for j, q in enumerate(y))
    }
