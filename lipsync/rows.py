"""Arrays too long to be held: one row per frame in a file, read back in blocks.

Two hours of landmarks are hundreds of megabytes; whoever works on them takes a block at a time and keeps a few numbers.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
import numpy.typing as npt

from lipsync.machine import writing_to

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RowFile:
    """Rows of float32 in a file. path: where they lie; row_shape: shape of one row; count: number of rows"""

    path: Path
    row_shape: tuple[int, ...]
    count: int

    def __len__(self) -> int:
        return self.count

    def read(self, first: int, count: int) -> FloatArray:
        """(count, *row_shape) rows from `first` on, a copy. Reading never maps the file, so memory stays flat."""
        size = int(np.prod(self.row_shape))
        rows = np.empty((count, *self.row_shape), dtype=np.float32)
        with self.path.open("rb", buffering=0) as file:
            file.seek(first * size * 4)
            got = file.readinto(memoryview(rows.data).cast("B"))
        if got != rows.nbytes:
            raise EOFError(f"{self.path.name} ends before row {first + count}")
        return rows

    def take(self, numbers: npt.NDArray[np.intp]) -> FloatArray:
        """(len(numbers), *row_shape) rows in the order asked for; near numbers are read together."""
        rows = np.empty((len(numbers), *self.row_shape), dtype=np.float32)
        order = np.argsort(numbers, kind="stable")
        ordered = numbers[order]
        for part in np.split(np.arange(len(ordered)), np.flatnonzero(np.diff(ordered) > 8) + 1):
            if len(part):
                first, last = int(ordered[part[0]]), int(ordered[part[-1]])
                rows[order[part]] = self.read(first, last - first + 1)[ordered[part] - first]
        return rows


class RowWriter:
    """Writes rows one after the other; use as a context manager, then `finish`.

    Every step raises EnvironmentFault (`not_writable`, `no_space`).
    """

    def __init__(self, path: Path, row_shape: tuple[int, ...]) -> None:
        self.path = path
        self.row_shape = row_shape
        self.count = 0

    def __enter__(self) -> Self:
        with writing_to(self.path.parent):
            self._file: IO[bytes] = self.path.open("wb")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with writing_to(self.path.parent):
            self._file.close()

    def append(self, row: FloatArray) -> None:
        """Add one row, or several in an array with one more axis."""
        rows = np.ascontiguousarray(row, dtype=np.float32).reshape(-1, *self.row_shape)
        with writing_to(self.path.parent):
            self._file.write(memoryview(rows.data).cast("B"))
        self.count += len(rows)

    def finish(self) -> RowFile:
        """Close the file and give what was written."""
        with writing_to(self.path.parent):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        return RowFile(self.path, self.row_shape, self.count)
