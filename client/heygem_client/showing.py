"""How far something is, on the terminal or in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

Moved = Callable[[float], None]
# Called with what is done, how much there is of it, and whether that is bytes; told how much is done while its block runs.
Bar = Callable[[str, float, bool], AbstractContextManager[Moved]]


@contextmanager
def nothing(_label: str, _total: float, _is_bytes: bool) -> Iterator[Moved]:
    """Show nothing."""
    yield lambda _done: None


def bars(console: Console | None = None) -> Bar:
    """Bars by rich, where somebody sees them. console: where; standard error or the notebook when not given"""
    console = console or Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        return nothing

    @contextmanager
    def bar(label: str, total: float, is_bytes: bool) -> Iterator[Moved]:
        amount = (DownloadColumn(), TransferSpeedColumn()) if is_bytes else (TaskProgressColumn(),)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), *amount, TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(label, total=total)
            yield lambda done: progress.update(task, completed=done)

    return bar
