"""Dynamic time warping from coarse to fine: memory and time grow with length, not its square."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.arrays import F32, F64, Bool

Rows: TypeAlias = NDArray[np.int64]

POOL = 4
_BLOCK_ROWS = 32
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


@dataclass(frozen=True)
class _Block:
    """How the best paths came to each cell of some rows; columns count from `start`."""

    start: int
    origins: NDArray[np.unsignedinteger]  # (B, W) the column where its row was entered
    diagonal: Bool  # (B, W) whether entering that column came from the column before


def _banded(first: F32, second: F32, low: Rows, high: Rows) -> tuple[F64, float]:
    """The cheapest path inside low[i] <= column < high[i]; rows go in blocks of one window."""
    norms = np.square(second).sum(axis=1)
    blocks = []
    above, before = np.zeros(1), 0  # the corner before the first row and column
    for top in range(0, len(first), _BLOCK_ROWS):
        rows = first[top : top + _BLOCK_ROWS]
        start, stop = int(low[top]), int(high[top + len(rows) - 1])
        cost = _distances(rows, second[start:stop], norms[start:stop])
        above, before = _carried(above, before, start, stop), start
        blocks.append(_advance(cost, above, start))
    return _traced(blocks, len(first), len(second)), float(above[-1] / (len(first) + len(second)))


def _distances(rows: F32, columns: F32, norms: F32) -> F64:
    squares = np.square(rows).sum(axis=1)[:, None] + norms - 2 * (rows @ columns.T)
    distances: F64 = np.sqrt(np.maximum(squares, 0)).astype(np.float64)
    return distances


def _carried(above: F64, before: int, start: int, stop: int) -> F64:
    """The row above in the window's columns, with the one before them; unreachable is inf.

    Item 0 is column start - 1, so for the window that begins at `before`, before - 1.
    """
    carried = np.full(stop - start + 1, np.inf)
    kept = above[start - before :][: len(carried)]
    carried[: len(kept)] = kept
    return carried


def _advance(cost: F64, above: F64, start: int) -> _Block:
    """Fills a block row by row; `above` becomes its last row."""
    count, width = cost.shape
    kind = np.uint8 if width <= 256 else np.uint16
    origins = np.empty((count, width), kind)
    diagonal = np.empty((count, width), bool)
    index = np.arange(width, dtype=kind)
    walked = np.cumsum(cost + _STEP_COST, axis=1)
    lead = walked - cost - _STEP_COST
    for row in range(count):
        straight = above[1:] + _STEP_COST
        np.less_equal(above[:-1], straight, out=diagonal[row])
        # D[j] = min over k <= j of entry[k] + cost[k..j]: one pass, by cumulative sums.
        best = np.minimum(above[:-1], straight) - lead[row]
        lowest = np.minimum.accumulate(best)
        np.maximum.accumulate(np.where(best <= lowest, index, 0), out=origins[row])
        above[1:] = lowest + walked[row] - _STEP_COST
        above[0] = np.inf
    return _Block(start, origins, diagonal)


def _traced(blocks: list[_Block], rows: int, columns: int) -> F64:
    """The middle of the columns that the best path visits in each row."""
    places = np.empty(rows)
    column = columns - 1
    for row in range(rows - 1, -1, -1):
        block = blocks[row // _BLOCK_ROWS]
        within = row % _BLOCK_ROWS
        entered = int(block.origins[within, column - block.start])
        places[row] = (block.start + entered + column) / 2
        column = block.start + entered - int(block.diagonal[within, entered])
    return places
