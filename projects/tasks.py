"""What the queue's messages call: thin interfaces, and the sending of wake-ups.

A wake-up carries no job's id. Lost, doubled, early and late ones are all harmless: the rows say what is to be done.
"""

from __future__ import annotations

import logging

from django_q.brokers import get_broker
from django_q.tasks import async_task

QUEUE = "cpu"
logger = logging.getLogger(__name__)


def send_wake_up() -> None:
    """Wake a worker, unless a wake-up already waits: it will be read after this call, and so sees every row we see."""
    if get_broker(QUEUE).queue_size() == 0:
        async_task("projects.tasks.wake", cluster=QUEUE, save=False)


def wake() -> None:
    """Run the next job, then wake a worker for the one after it."""
    from projects import rendering
    from projects.models import RenderJob

    if rendering.run_next() and RenderJob.objects.claimable().exists():
        send_wake_up()
