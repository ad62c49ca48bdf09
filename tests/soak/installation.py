"""A whole installation: `manage.py serve` in a data folder of its own, started again whenever it ends, as by an init system."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from projects import processes
from tests.soak import roles
from tests.soak.roles import Role

ROOT = Path(__file__).parents[2]
START_SECONDS = 90.0
STOP_SECONDS = 60.0
RESTART_SECONDS = 1.0
POLL_SECONDS = 0.05


def eventually(true: Callable[[], object], seconds: float, *, poll: float = POLL_SECONDS) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(poll)
    return False


class Installation:
    """Its processes take their settings from this process's environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.starts = 0
        self._kept = threading.Event()
        self._keeper: threading.Thread | None = None
        self._serve: subprocess.Popen[bytes] | None = None
        self._log = folder / "serve.log"

    def start(self) -> None:
        """Bring it up and keep it up."""
        self._kept.set()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()
        if not eventually(self.is_up, START_SECONDS):
            raise AssertionError(f"it does not come up:\n{self.said()}")

    def stop(self) -> float:
        """End it with SIGTERM. Returns the seconds until `serve` was gone."""
        self._kept.clear()
        begun = time.monotonic()
        while self._keeper is not None and self._keeper.is_alive():
            if self._serve is not None:
                with contextlib.suppress(ProcessLookupError):
                    self._serve.send_signal(signal.SIGTERM)
            self._keeper.join(RESTART_SECONDS)
            if time.monotonic() - begun > STOP_SECONDS:
                raise AssertionError(f"it does not stop:\n{self.said()}")
        return time.monotonic() - begun

    def restart(self) -> float:
        """End it with SIGTERM, as a rolling update does; the keeper starts it again. Returns the seconds it took to end."""
        serve = self._serve
        assert serve is not None
        begun = time.monotonic()
        serve.terminate()
        serve.wait(timeout=STOP_SECONDS)
        return time.monotonic() - begun

    def kill_all(self) -> int:
        """SIGKILL every process at once, and do not start it again. Returns how many there were."""
        self._kept.clear()
        killed = 0
        while found := self.processes():
            for process in found:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            killed += len(found)
            time.sleep(POLL_SECONDS)
        if self._keeper is not None:
            self._keeper.join()
        return killed

    def is_up(self) -> bool:
        """Whether its pages can be reached and its workers are all there."""
        found = self.roles()
        return self.answers() and bool(found[Role.WORKER]) and len(found[Role.MESSENGER]) >= 2 * len(found[Role.WORKER])

    def answers(self) -> bool:
        """Whether something listens."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def processes(self) -> list[psutil.Process]:
        """Every process of it, orphans included."""
        return roles.of_folder(self.folder)

    def roles(self) -> dict[Role, list[psutil.Process]]:
        """Its processes by what they do."""
        return roles.by_role(self.processes())

    def said(self) -> str:
        """The end of what `serve` printed."""
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""

    def _keep(self) -> None:
        while self._kept.is_set():
            with self._log.open("ab") as log:
                command = [sys.executable, "manage.py", "serve", "--port", str(self.port)]
                # It hears SIGTERM when this thread ends, which it does after it: or when this process is killed.
                self._serve = processes.start(command, cwd=ROOT, env=os.environ, stdout=log, stderr=log)
            self.starts += 1
            self._serve.wait()
            if self._kept.is_set():
                time.sleep(RESTART_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
