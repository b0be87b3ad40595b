"""Networks in the TNTP format of the TransportationNetworks collection."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NoReturn

import numpy as np

from poagame._arrays import FloatArray, as_floats, require
from poagame.errors import InvalidInput, PoagameError
from poagame.games.network import NetworkRouting
from poagame.latency import BPR, Latency

FIELDS = ("init node", "term node", "capacity", "length", "free flow time", "b", "power", "speed", "toll", "link type")
TOTAL_RTOL = 1e-4
"""Difference between the demands' sum and TOTAL OD FLOW that the files' rounding explains."""

_TAG = re.compile(r"<\s*([^>]+?)\s*>\s*(.*)")
_ORIGIN = re.compile(r"origin\s+(\S+)\s*(.*)", re.IGNORECASE)

Line = tuple[int, str]


def read_tntp(
    net_path: str | os.PathLike[str],
    trips_path: str | os.PathLike[str],
    toll_weight: float = 0.0,
    distance_weight: float = 0.0,
) -> NetworkRouting:
    r"""Game of a TNTP network file and its trips file.

    An edge costs :math:`t\,(1 + b\,(x/c)^p)` + toll_weight · toll + distance_weight · length, as the collection's README
    says, in the file's unit of time. Node n of the file is node n − 1 of the game (labels in `nodes` keep the file's
    numbers), edges keep the file's order, and paths do not pass through nodes below FIRST THRU NODE. Demands of 0 are
    left out; those from a zone to itself are counted in `intrazonal`.

    Parameters
    ----------
    net_path, trips_path : path
        Such as `SiouxFalls_net.tntp` and `SiouxFalls_trips.tntp`.
    toll_weight, distance_weight : float
        Time per unit of toll and of length, ≥ 0.

    Raises
    ------
    InvalidInput
        With file and line: metadata missing, another number of links than stated, demands that do not sum to TOTAL OD FLOW,
        unknown nodes, entries that are no numbers, or files that end early.
    Infeasible
        If a demand has no path.
    """
    for name, weight in (("toll_weight", toll_weight), ("distance_weight", distance_weight)):
        value = as_floats(weight, name)
        require(value.ndim == 0 and float(value) >= 0, f"{name} must be a nonnegative number; got {weight!r:.40}")
    net, trips = _Source(net_path), _Source(trips_path)
    zones = net.count("NUMBER OF ZONES")
    nodes, first = net.count("NUMBER OF NODES"), net.count("FIRST THRU NODE")
    if not 1 <= first <= nodes + 1:
        net.fail(None, f"FIRST THRU NODE is {first}; it must be 1 … {nodes + 1}")
    if zones > nodes:
        net.fail(None, f"{zones} zones, but only {nodes} nodes")
    links = _links(net, nodes)
    if trips.count("NUMBER OF ZONES") != zones:
        trips.fail(None, f"NUMBER OF ZONES is {trips.count('NUMBER OF ZONES')}, but {zones} in {net.path}")
    origin, destination, demand = _trips(trips, zones)
    # where b, the power or the time is 0 the capacity means nothing, and some files say 0
    flat = (links[:, 4:7] == 0).any(axis=1)
    capacity = np.where(flat & (links[:, 2] <= 0), 1.0, links[:, 2])
    latency: Latency = BPR(links[:, 4], capacity, links[:, 5], links[:, 6])
    extra = toll_weight * links[:, 8] + distance_weight * links[:, 3]
    if extra.any():
        latency = latency + extra
    ends = links[:, :2].astype(np.int64) - 1
    labels = tuple(range(1, nodes + 1))
    try:
        return NetworkRouting(
            latency, ends[:, 0], ends[:, 1], origin, destination, demand, nodes, first - 1, nodes=labels
        )
    except PoagameError as error:
        raise type(error)(f"{net.path} with {trips.path}: {error}") from error


class _Source:
    """A TNTP file: its metadata, and its lines of data with their numbers."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            self.path = Path(path)
        except TypeError as error:
            raise InvalidInput(f"a TNTP file is named by a path; got {path!r:.60}") from error
        self.metadata: dict[str, tuple[int, str]] = {}
        self.lines: list[Line] = []
        try:
            text = self.path.read_text(encoding="utf-8-sig", errors="replace")
        except (OSError, ValueError) as error:
            raise InvalidInput(f"cannot read {self.path}: {error}") from error
        ended = False
        for number, raw in enumerate(text.splitlines(), 1):
            line = raw.split("~", 1)[0].strip() if not raw.lstrip().startswith("<") else raw.strip()
            tag = _TAG.match(line)
            if not line or (ended and tag):
                continue
            if ended:
                self.lines.append((number, line))
            elif tag is None:
                self.fail(
                    number, f"expected metadata such as <NUMBER OF ZONES> 24 before <END OF METADATA>; got {line!r:.60}"
                )
            elif tag[1].upper() == "END OF METADATA":
                ended = True
            else:
                name = " ".join(tag[1].upper().split())
                if name in self.metadata:
                    self.fail(number, f"<{name}> is there twice, first on line {self.metadata[name][0]}")
                self.metadata[name] = (number, tag[2].split("~", 1)[0].strip())
        if not ended:
            self.fail(None, "no <END OF METADATA>; is the file complete, and TNTP?")

    def fail(self, line: int | None, message: str) -> NoReturn:
        raise InvalidInput(f"{self.path}{'' if line is None else f', line {line}'}: {message}")

    def number(self, name: str) -> float:
        """Metadata as a number."""
        if name not in self.metadata:
            self.fail(None, f"the metadata <{name}> is missing")
        line, text = self.metadata[name]
        return self.parsed(line, text, name)

    def count(self, name: str) -> int:
        """Metadata as a whole number ≥ 1."""
        value = self.number(name)
        if value != int(value) or value < 1:
            self.fail(self.metadata[name][0], f"<{name}> must be a whole number from 1; got {value:g}")
        return int(value)

    def parsed(self, line: int, text: str, name: str) -> float:
        try:
            value = float(text if "_" not in text else "no number")  # Python reads 1_0 as 10
        except ValueError:
            self.fail(line, f"{name} must be a number; got {text!r:.40}")
        if not np.isfinite(value):
            self.fail(line, f"{name} must be finite; got {text}")
        return value


def _links(net: _Source, nodes: int) -> FloatArray:
    """[E, 10] link rows, checked."""
    stated = net.count("NUMBER OF LINKS")
    rows: list[list[float]] = []
    for line, text in net.lines:
        link, _, rest = text.partition(";")
        words = link.split()
        if rest.strip():
            net.fail(line, f"one link a line, ended by ';'; got more: {rest.strip()!r:.40}")
        if not words:
            continue
        if len(words) not in (len(FIELDS), len(FIELDS) - 1):
            net.fail(line, f"a link has {len(FIELDS)} fields ({', '.join(FIELDS)}); got {len(words)}")
        row = [net.parsed(line, word, name) for word, name in zip(words, FIELDS, strict=False)][:9]
        for value, name in zip(row[:2], FIELDS, strict=False):
            if value != int(value) or not 1 <= value <= nodes:
                net.fail(line, f"{name} must be a node 1 … {nodes}; got {value:g}")
        for value, name in zip(row[2:7], FIELDS[2:], strict=False):
            if value < 0:
                net.fail(line, f"{name} must be nonnegative; got {value:g}")
        if row[2] == 0 and min(row[4:7]) > 0:
            net.fail(line, "capacity must be positive where the time depends on it")
        rows.append(row)
    if len(rows) != stated:
        net.fail(None, f"<NUMBER OF LINKS> is {stated}, but the file has {len(rows)} links; is it complete?")
    return np.array(rows)


def _trips(trips: _Source, zones: int) -> tuple[list[int], list[int], list[float]]:
    """Origins, destinations (from 0) and demands > 0."""
    stated = trips.number("TOTAL OD FLOW")
    origins: list[int] = []
    destinations: list[int] = []
    demands: list[float] = []
    total, origin = 0.0, 0
    for line, text in trips.lines:
        header = _ORIGIN.match(text)
        if header:
            origin, text = _zone(trips, line, header[1], "origin", zones), header[2]
        for entry in filter(None, (part.strip() for part in text.split(";"))):
            target, colon, amount = entry.partition(":")
            if not colon:
                trips.fail(line, f"expected 'destination : demand;'; got {entry!r:.40}")
            if not origin:
                trips.fail(line, "a demand before the first 'Origin' line")
            destination = _zone(trips, line, target.strip(), "destination", zones)
            demand = trips.parsed(line, amount.strip(), "demand")
            if demand < 0:
                trips.fail(line, f"demand must be nonnegative; got {demand:g}")
            total += demand
            if demand > 0:
                origins.append(origin - 1)
                destinations.append(destination - 1)
                demands.append(demand)
    if abs(total - stated) > TOTAL_RTOL * max(abs(stated), total):
        trips.fail(
            None, f"<TOTAL OD FLOW> is {stated:.10g}, but the demands sum to {total:.10g}; is the file complete?"
        )
    return origins, destinations, demands


def _zone(trips: _Source, line: int, text: str, name: str, zones: int) -> int:
    value = trips.parsed(line, text, name)
    if value != int(value) or not 1 <= value <= zones:
        trips.fail(line, f"{name} must be a zone 1 … {zones}; got {text}")
    return int(value)
