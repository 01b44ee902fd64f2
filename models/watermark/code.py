"""48 bits as a square of signs, and back from a noisy one: what a mark says, not how it is seen.

The bits and their check sum are 8 bytes. Each byte is one of 256 biorthogonal codewords of 128
chips (first-order Reed-Muller), found again by correlating with all of them, which needs no bit to
be right by itself. Each chip stands in three cells of the square; the last quarter of the cells
is the same in every mark and tells where the square is.
"""

import binascii
import hashlib
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.linalg import hadamard

from models.arrays import F32, U8

SIDE = 64  # cells
PAYLOAD_BITS = 48
DOUBTS = 2
_BYTES, _CHIPS, _REPEATS = 8, 128, 3
_DATA = _BYTES * _CHIPS * _REPEATS
_WORDS: F32 = np.concatenate([hadamard(_CHIPS), -hadamard(_CHIPS)]).astype(np.float32)  # (256, 128)


def _drawn(name: str, count: int) -> "np.ndarray[tuple[int], np.dtype[np.uint32]]":
    """Numbers that are the same in every version of every library."""
    return np.frombuffer(hashlib.shake_256(name.encode()).digest(4 * count), "<u4")


_ORDER = np.argsort(_drawn("avatar mark: cells", SIDE * SIDE), kind="stable")
_SIGNS: F32 = 1 - 2 * (_drawn("avatar mark: signs", SIDE * SIDE) & 1).astype(np.float32)


@dataclass(frozen=True)
class Reading:
    payload: int
    whole: bool  # the check sum fits
    score: float  # of the whole square, in standard deviations of chance


def square(payload: int) -> F32:
    """(64, 64) of -1 and 1, for an unsigned number of 48 bits."""
    data = _with_check(payload)
    chips = np.repeat(_WORDS[list(data)].ravel(), _REPEATS)
    return _placed(np.concatenate([chips, np.ones(SIDE * SIDE - _DATA, np.float32)]))


def beacon() -> F32:
    """(64, 64): the cells that every mark shares; 0 elsewhere."""
    shared = np.zeros(SIDE * SIDE, np.float32)
    shared[_DATA:] = 1
    return _placed(shared)


def read(cells: F32) -> Reading:
    """The likeliest payload of noisy (64, 64) cells, in any unit.

    Where the check sum does not fit, up to two bytes may be the second likeliest instead.
    """
    likeness = chips_of(cells).reshape(_BYTES, _CHIPS) @ _WORDS.T
    second, first = np.argsort(likeness, axis=1)[:, -2:].T.astype(np.uint8)
    norm = float(np.sqrt(np.square(cells).sum())) or 1.0
    data = _checked(first, second) or bytes(first)
    payload = int.from_bytes(data[:6], "big")
    score = float((cells * square(payload)).sum()) / norm
    return Reading(payload, data == _with_check(payload), score)


def _checked(first: U8, second: U8) -> bytes | None:
    """The first (8,) bytes, with as few as possible of the second ones, that hold together."""
    for doubts in range(DOUBTS + 1):
        for doubted in combinations(range(_BYTES), doubts):
            data = first.copy()
            data[list(doubted)] = second[list(doubted)]
            payload = int.from_bytes(bytes(data[:6]), "big")
            if bytes(data) == _with_check(payload):
                return bytes(data)
    return None


def chips_of(cells: F32) -> F32:
    """(1024,): each chip's three cells together."""
    straight = (cells.ravel()[_ORDER] * _SIGNS)[:_DATA]
    return np.asarray(straight.reshape(-1, _REPEATS).sum(axis=1), np.float32)


def _with_check(payload: int) -> bytes:
    data = payload.to_bytes(PAYLOAD_BITS // 8, "big")
    return data + binascii.crc_hqx(data, 0xFFFF).to_bytes(2, "big")


def _placed(values: F32) -> F32:
    cells = np.empty(SIDE * SIDE, np.float32)
    cells[_ORDER] = values * _SIGNS
    return cells.reshape(SIDE, SIDE)
