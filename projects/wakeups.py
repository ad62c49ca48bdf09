"""Messages that wake workers.

A wake-up carries no job's id. Lost, doubled, early and late ones are all harmless: the rows say what is to be done. Every
lane reads a queue of its own, and at most one wake-up waits in each.
"""

from __future__ import annotations

import logging

from django.db import DatabaseError
from django_q.brokers import get_broker
from django_q.tasks import async_task
from redis import RedisError

from projects.models import Kind, Lane
from projects.models.lanes import RENDERING

WAKE = "projects.tasks.wake"
SWEEP = "projects.tasks.sweep"
DELIVER = "projects.tasks.deliver"

logger = logging.getLogger(__name__)


def send() -> None:
    """Wake every idle lane that renders. Those at work look for the next job by themselves when they are done.

    While the queue cannot be reached nobody is woken; the next sweep tries again.
    """
    _wake(WAKE, *RENDERING)


def send_sweep() -> None:
    """Have the sweep run, where there is a lane for it."""
    _wake(SWEEP, Kind.IO)


def send_deliveries() -> None:
    """Have the messages of webhooks sent, where there is a lane for it."""
    _wake(DELIVER, Kind.IO)


def clear(queue: str) -> None:
    """Throw away what waits in the queue of a lane that starts or is gone; what a dead one had taken would come again."""
    try:
        get_broker(queue).delete_queue()
    except (RedisError, DatabaseError):
        logger.exception("the queue %s could not be emptied", queue)


def _wake(task: str, *kinds: Kind) -> None:
    """Send a wake-up to each idle lane for which none waits: one that does will be read after this call, and so whoever
    reads it sees every row that we see."""
    try:
        for lane in Lane.objects.idle().of(*kinds):
            broker = get_broker(lane.queue)
            if broker.queue_size() == 0:
                async_task(task, broker=broker, save=False)
    except (RedisError, DatabaseError):
        logger.exception("no worker could be woken; the next sweep tries again")
