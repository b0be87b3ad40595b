"""Harm done to a file, as disks, copies, spreadsheets and enemies do it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TOKENS = [
    b"", b"nan", b"NaN", b"inf", b"-inf", b"Infinity", b"-1", b"0", b"1e309", b"1e-320", b"9223372036854775808", b"-9223372036854775809",
    b"18446744073709551616", b"1e400", b"null", b"true", b'"', b"'", b"\\", b"{", b"}", b"[", b"]", b",", b";", b":", b"\x00", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\r\n", b"\n", b"\t", b"\xc2\xa0", b"1/0", b"0/0", b"1,5", b"0x10", b"1_000", "１２".encode(), b"[" * 3000,
    b"{\"a\":" * 2000, b"9" * 400, b"-", b"+", b"e", b".", b"None", b"2023-02-30 25:61:00", b"__class__", b"NFG", b"~",
]  # fmt: skip


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four harms."""
    for _ in range(int(rng.integers(1, 5))):
        data = HARMS[int(rng.integers(len(HARMS)))](data, rng)
    return data


def _at(data: bytes, rng: np.random.Generator) -> int:
    return int(rng.integers(len(data) + 1))


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        if changed:
            changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
    return bytes(changed)


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    a, b = sorted((_at(data, rng), _at(data, rng)))
    return data[:a] + data[b:] if rng.random() < 0.5 else data[:b]


def _insert(data: bytes, rng: np.random.Generator) -> bytes:
    a = _at(data, rng)
    return data[:a] + TOKENS[int(rng.integers(len(TOKENS)))] + data[a:]


def _repeat(data: bytes, rng: np.random.Generator) -> bytes:
    a, b = sorted((_at(data, rng), _at(data, rng)))
    b = min(b, a + 300)
    return data[:b] + data[a:b] * int(rng.integers(1, 4)) + data[b:]


def _lines(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(lines[k] for k in rng.permutation(len(lines))[: max(1, len(lines) - int(rng.integers(3)))])


def _field(data: bytes, rng: np.random.Generator) -> bytes:
    """Another value for one field of a table or one value of JSON."""
    separator = [b",", b":", b" ", b"\n"][int(rng.integers(4))]
    parts = data.split(separator)
    parts[int(rng.integers(len(parts)))] = TOKENS[int(rng.integers(len(TOKENS)))]
    return separator.join(parts)


def _swap(data: bytes, rng: np.random.Generator) -> bytes:
    """Two fields in each other's place."""
    parts = data.split(b",")
    a, b = rng.integers(len(parts), size=2)
    parts[a], parts[b] = parts[b], parts[a]
    return b",".join(parts)


HARMS: list[Callable[[bytes, np.random.Generator], bytes]] = [_flip, _cut, _insert, _repeat, _lines, _field, _swap]
