"""Kills chosen by a seeded random source, spread evenly over what an installation is made of."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from projects.models import RenderJob, Status
from tests.soak.installation import Installation, eventually
from tests.soak.roles import Role

DEADLY = frozenset({Role.WORKER, Role.ENGINE})  # whose death breaks the running job's attempt off without a word
CLAIMS_DISTURBED = 2  # a job that is broken off three times without getting on is given up, as it should be
ANY_ROLE_SECONDS = 300.0
LOOK_SECONDS = 0.1


class Killer:
    """Kills one process after the other: in an order that the seed decides, and of those roles that are there."""

    def __init__(self, installation: Installation, chance: random.Random) -> None:
        self._installation = installation
        self._chance = chance
        self._deck: list[Role] = []
        self.killed: Counter[Role] = Counter()

    def kill(self) -> Role:
        """SIGKILL a process of the next role that is there."""
        killed: list[Role] = []
        if not eventually(lambda: killed.extend(self._try()) or killed, ANY_ROLE_SECONDS, poll=LOOK_SECONDS):
            raise AssertionError(f"nothing to kill for {ANY_ROLE_SECONDS:.0f} s:\n{self._installation.said()}")
        self.killed[killed[0]] += 1
        return killed[0]

    def _try(self) -> list[Role]:
        """The role of whom it killed, nothing if nobody of the deck's first few roles is there."""
        if len(self._deck) < len(Role):
            self._deck += self._chance.sample(list(Role), len(Role))
        found = self._installation.roles()
        for role in self._deck[: len(Role)]:
            if found[role] and self._finish_off(role, self._chance.choice(found[role])):
                self._deck.remove(role)
                return [role]
        return []

    def _finish_off(self, role: Role, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            if role not in DEADLY:
                process.kill()
                return True
            # A job that was claimed often enough is spared. None may be claimed between look and kill, so that whoever
            # could claim it is stopped meanwhile.
            worker = process if role is Role.WORKER else process.parent()
            with frozen(worker):
                if not RenderJob.objects.filter(status=Status.RUNNING, fence__gt=CLAIMS_DISTURBED).exists():
                    process.kill()
                    return True
        return False


@contextmanager
def frozen(process: psutil.Process | None) -> Iterator[None]:
    """Stop a process while the block runs."""
    if process is None:
        yield
        return
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)


def pause(chance: random.Random, mean: float) -> None:
    """Let a random time pass, `mean` seconds on average."""
    time.sleep(chance.expovariate(1 / mean))
