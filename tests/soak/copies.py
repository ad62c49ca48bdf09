"""Brokers that deliver every message several times."""

from __future__ import annotations

import os
from typing import Any

from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis as RedisBroker


class Rows(ORM):
    """The queue as rows."""

    def enqueue(self, task: str) -> Any:
        """Once for every copy."""
        return [super(Rows, self).enqueue(task) for _ in range(int(os.environ["SOAK_COPIES"]))][-1]


class Redis(RedisBroker):
    """The queue in Redis."""

    def enqueue(self, task: str) -> Any:
        """Once for every copy."""
        return [super(Redis, self).enqueue(task) for _ in range(int(os.environ["SOAK_COPIES"]))][-1]
