"""Dynamic time warping from coarse to fine: memory and time grow with length, not its square."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.arrays import F32, F64

Rows: TypeAlias = NDArray[np.int64]
Columns: TypeAlias = NDArray[np.int32]

POOL = 4
_WHOLE_ROWS = 1_500  # as many rows are compared with all others at the coarsest level
_RADIUS = 75  # cells to either side of the path of the level above
_STEP_COST = 0.02  # of going on in one sequence only, so that equal sounds share time evenly


def warp(first: F32, second: F32) -> tuple[F64, float]:
    """For every row of `first` (N, D) the place in `second` (M, D), and the mean cost of the path.

    Rows are compared by Euclidean distance. Places are rows, non-decreasing, fractional.
    """
    levels = [(first, second)]
    while max(map(len, levels[-1])) > _WHOLE_ROWS:
        levels.append((_pooled(levels[-1][0]), _pooled(levels[-1][1])))
    first, second = levels.pop()
    low = np.zeros(len(first), np.int64)
    high = np.full(len(first), len(second), np.int64)
    places, cost = _banded(first, second, low, high)
    while levels:
        first, second = levels.pop()
        low, high = _band(places, len(first), len(second))
        places, cost = _banded(first, second, low, high)
    return places, cost


def _pooled(rows: F32) -> F32:
    whole = -(-len(rows) // POOL) * POOL
    padded = np.concatenate([rows, np.repeat(rows[-1:], whole - len(rows), axis=0)])
    pooled: F32 = padded.reshape(-1, POOL, rows.shape[1]).mean(axis=1)
    return pooled


def _band(places: F64, rows: int, columns: int) -> tuple[Rows, Rows]:
    """Where the finer path may go: around the coarser one, without gaps, corner to corner."""
    centre = np.interp(np.arange(rows) / POOL - 0.5 + 0.5 / POOL, np.arange(len(places)), places)
    low = np.clip(centre * POOL - _RADIUS, 0, columns - 1).astype(np.int64)
    high = np.clip(centre * POOL + _RADIUS + POOL, 1, columns).astype(np.int64)
    low[0], high[-1] = 0, columns
    return np.minimum.accumulate(low[::-1])[::-1], np.maximum.accumulate(high)


def _banded(first: F32, second: F32, low: Rows, high: Rows) -> tuple[F64, float]:
    """The cheapest path inside low[i] <= column < high[i]."""
    norms = np.square(second).sum(axis=1)
    own = np.square(first).sum(axis=1)
    back: list[Columns] = []
    reached = np.zeros(0)
    before = 0
    for row in range(len(first)):
        start, stop = low[row], high[row]
        squares = norms[start:stop] - 2 * (second[start:stop] @ first[row]) + own[row]
        cost = np.sqrt(np.maximum(squares, 0)).astype(np.float64)
        entry, came = _entries(reached, before, start, stop, row)
        # D[j] = min over k <= j of entry[k] + cost[k..j]: one pass, by cumulative sums.
        walked = np.cumsum(cost + _STEP_COST)
        best = entry - (walked - cost - _STEP_COST)
        lowest = np.minimum.accumulate(best)
        origin = np.maximum.accumulate(np.where(best <= lowest, np.arange(len(best)), 0))
        reached = lowest + walked - _STEP_COST
        back.append(np.stack([start + origin, came[origin]]).astype(np.int32))
        before = start
    return _traced(back, low, len(second)), float(reached[-1] / (len(first) + len(second)))


def _entries(reached: F64, before: int, start: int, stop: int, row: int) -> tuple[F64, Rows]:
    """The cost of coming from the row above, straight or diagonally, and the column come from."""
    columns = np.arange(start, stop)
    if row == 0:
        return np.where(columns == 0, 0.0, np.inf), columns
    above = np.full(stop - start + 1, np.inf)  # columns start - 1 .. stop - 1
    left, right = max(before, start - 1), min(before + len(reached), stop)
    if right > left:
        above[left - start + 1 : right - start + 1] = reached[left - before : right - before]
    straight, diagonal = above[1:] + _STEP_COST, above[:-1]
    return np.minimum(straight, diagonal), np.where(diagonal <= straight, columns - 1, columns)


def _traced(back: list[Columns], low: Rows, columns: int) -> F64:
    """The middle of the columns that the best path visits in each row."""
    places = np.empty(len(back))
    column = columns - 1
    for row in range(len(back) - 1, -1, -1):
        origins, sources = back[row]
        entered = int(origins[column - low[row]])
        places[row] = (entered + column) / 2
        column = int(sources[column - low[row]])
    return places
