"""Tables of a flatbuffers file, read field by field without generated code."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from flatbuffers import number_types
from flatbuffers.table import Table
from numpy.typing import NDArray


class Fields:
    """One table whose fields are asked for by their number in the schema."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @classmethod
    def root(cls, content: bytes) -> "Fields":
        return cls(Table(content, int.from_bytes(content[:4], "little")))

    def number(self, slot: int, kind: str) -> int:
        """A scalar of `kind` (Int8, Uint32, ...), 0 where the file leaves it out."""
        offset = self._offset(slot)
        flags = getattr(number_types, f"{kind}Flags")
        return int(self._table.Get(flags, self._table.Pos + offset)) if offset else 0

    def text(self, slot: int) -> str:
        offset = self._offset(slot)
        return self._table.String(self._table.Pos + offset).decode() if offset else ""

    def array(self, slot: int, kind: str) -> NDArray[Any]:
        """A vector of scalars, read-only and not copied; empty where the file leaves it out."""
        offset = self._offset(slot)
        flags = getattr(number_types, f"{kind}Flags")
        if not offset:
            return np.zeros(0, np.uint8)
        vector: NDArray[Any] = self._table.GetVectorAsNumpy(flags, offset)
        return vector

    def child(self, slot: int) -> "Fields | None":
        offset = self._offset(slot)
        return self._at(self._table.Pos + offset) if offset else None

    def children(self, slot: int) -> Iterator["Fields"]:
        offset = self._offset(slot)
        if not offset:
            return
        start = self._table.Vector(offset)
        for index in range(self._table.VectorLen(offset)):
            yield self._at(start + 4 * index)

    def _offset(self, slot: int) -> int:
        return int(self._table.Offset(4 + 2 * slot))

    def _at(self, position: int) -> "Fields":
        return Fields(Table(self._table.Bytes, self._table.Indirect(position)))
