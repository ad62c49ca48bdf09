"""The log file: records go in, JSON lines in one rotated file that all processes share come out."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

LARGEST_FILE_BYTES = 10 * 2**20
FILES_KEPT = 5
# Whoever reads the end of such an address is let in: as the first account, with a new password, into a project.
ONE_TIME_LINK = re.compile(r"(/(?:setup|join|password/[\w-]+)/)[\w-]+")


def closed(text: str) -> str:
    """The text of a log without what would let its reader in."""
    return ONE_TIME_LINK.sub(r"\1…", text)


class JsonLines(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "source": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        line.update(getattr(record, "context", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return closed(json.dumps(line, ensure_ascii=False, default=str))


class ShortLines(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as it is shown."""
        return closed(super().format(record))


class SharedLogFile(WatchedFileHandler):
    """A rotated file that several processes write to.

    Each process notices when another has rotated; a lock makes sure that only one does.
    """

    def __init__(self, path: Path | str, largest: int = LARGEST_FILE_BYTES, kept: int = FILES_KEPT) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.largest = largest
        self.kept = kept
        super().__init__(self.path, encoding="utf-8", delay=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, after rotating when the file is full."""
        try:
            if self.path.stat().st_size >= self.largest:
                self._rotate()
        except OSError:
            pass  # not there yet, or just rotated
        super().emit(record)

    def _rotate(self) -> None:
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if self.path.stat().st_size < self.largest:
                return  # another process was quicker
            for number in range(self.kept - 1, 0, -1):
                older = self.path.with_name(f"{self.path.name}.{number}")
                if older.exists():
                    older.replace(self.path.with_name(f"{self.path.name}.{number + 1}"))
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        finally:
            os.close(descriptor)
