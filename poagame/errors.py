"""Errors. Every message says what was given, what is wanted, and how to mend it."""

from __future__ import annotations


class PoagameError(ValueError):
    """Base of every error that poagame raises on purpose."""


class InvalidInput(PoagameError):
    """An argument has a wrong shape, sign, order or unit, or is not a number."""


class UndefinedRatio(PoagameError):
    """A ratio was asked for whose denominator is not positive."""


class TooLarge(PoagameError):
    """An exact method would need more work or memory than its stated limit."""


class NoPotential(PoagameError):
    """The game has no potential of the kind that was asked for."""


class NoEquilibrium(PoagameError):
    """An answer needs a pure equilibrium, and the game is proved to have none."""


class UnknownFormat(PoagameError):
    """A file is in no format that poagame reads, or not in the one named."""


class EmptyTable(PoagameError):
    """A file or table holds no usable row."""


class BadRows(PoagameError):
    """Rows of a measured file are unusable, and the reader was told to be strict."""


class MissingColumn(PoagameError):
    """A table lacks a column that the question needs."""


class FitFailed(PoagameError):
    """No latency of the family fits the points."""


class Infeasible(PoagameError):
    """No flow or profile meets the constraints: a demand cannot be routed, or not below the capacities."""
