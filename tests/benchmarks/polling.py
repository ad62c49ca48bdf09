"""Scripts that poll, for locust: each asks about once a second for renders, a batch, its queue, what happened, its lists.

`make load` starts it; see load.py.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

from locust import HttpUser, between, task

RENDERS = 3  # that each script waits for
TOLD = json.loads(os.environ["HEYGEM_LOAD"])  # tokens, and ids of things that they may see


class Script(HttpUser):
    """One script with a token of its own; it keeps the ETag of each answer."""

    # Not as often to the moment: scripts do not know of each other, and locust would have all of them ask at once.
    wait_time = between(0.4, 1.5)

    def on_start(self) -> None:
        """Take a token and some renders to wait for."""
        token = random.choice(TOLD["tokens"])
        self.client.headers["Authorization"] = f"Token {token}"
        self.renders: list[str] = random.sample(TOLD["jobs"], RENDERS)
        self.tags: dict[str, str] = {}

    def poll(self, name: str, address: str) -> None:
        """Ask for something that may stand as it stood."""
        known = {"If-None-Match": self.tags[address]} if address in self.tags else {}
        answer: Any = self.client.get(address, headers=known, name=name)
        self.tags[address] = answer.headers.get("ETag", "")

    @task(10)
    def job(self) -> None:
        """One of its renders."""
        self.poll("job", f"/api/v1/jobs/{random.choice(self.renders)}/")

    @task(4)
    def batch(self) -> None:
        """A batch."""
        self.poll("batch", f"/api/v1/batches/{TOLD['batch']}/")

    @task(2)
    def queue(self) -> None:
        """The queue."""
        self.poll("queue", "/api/v1/queue/")

    @task(2)
    def events(self) -> None:
        """What happened since."""
        self.client.get(f"/api/v1/events/?after={TOLD['event']}", name="events")

    @task(2)
    def listed(self) -> None:
        """The latest renders."""
        self.client.get("/api/v1/jobs/?page_size=20", name="jobs")
