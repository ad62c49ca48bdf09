"""Messages that wake a worker.

A wake-up carries no job's id. Lost, doubled, early and late ones are all harmless: the rows say what is to be done.
"""

from __future__ import annotations

from django_q.brokers import get_broker
from django_q.tasks import async_task

QUEUE = "cpu"


def send() -> None:
    """Wake a worker, unless a wake-up already waits: it will be read after this call, and so sees every row we see."""
    if get_broker(QUEUE).queue_size() == 0:
        async_task("projects.tasks.wake", cluster=QUEUE, save=False)
