"""Messages that wake a worker.

A wake-up carries no job's id. Lost, doubled, early and late ones are all harmless: the rows say what is to be done.
"""

from __future__ import annotations

import logging

from django.db import DatabaseError
from django_q.brokers import get_broker
from django_q.tasks import async_task
from redis import RedisError

QUEUE = "cpu"

logger = logging.getLogger(__name__)


def send() -> None:
    """Wake a worker, unless a wake-up already waits: it will be read after this call, and so sees every row we see.

    While the queue cannot be reached nobody is woken; the next sweep tries again.
    """
    try:
        if get_broker(QUEUE).queue_size() == 0:
            async_task("projects.tasks.wake", cluster=QUEUE, save=False)
    except (RedisError, DatabaseError):
        logger.exception("no worker could be woken; the next sweep tries again")
