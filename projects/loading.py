"""What a render waits for before it begins: libraries and weights of its engine, where the process that makes it has none yet.

A lane's row says what its engine process has loaded; how long loading takes the engine tells with every video. Both are for
telling people: wrong, they cost a sentence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any
from uuid import UUID

from projects import lanes
from projects.models import RenderJob, Status
from projects.models.lanes import RENDERING

STAGE = "load"  # in the engine's timings
FELT_SECONDS = 0.5  # less is not felt, and was no loading but a look whether all is there
FIRST_GUESS_SECONDS = 1.8  # until one was measured: the usual engine on two cores (docs/benchmarks.md)
Needs = frozenset[str]


@dataclass(frozen=True, slots=True)
class Place:
    """A lane that takes renders.

    claim: of what it has in hand; warm: what its process has loaded; soon: what it loads for what it has in hand
    """

    claim: UUID | None
    warm: Needs
    soon: Needs


def needs_of(engine: str, enhancer: str) -> Needs:
    """What has to be loaded for a render."""
    return frozenset({engine, enhancer} - {""})


def places() -> list[Place]:
    """The lanes that take renders now."""
    rows = lanes.working(*RENDERING).values_list("claim", "warm", "job__engine", "job__enhancer")
    return [Place(claim, frozenset(warm), needs_of(engine or "", enhancer or "")) for claim, warm, engine, enhancer in rows]


def is_first(job: RenderJob, ahead: int, there: Collection[Place]) -> bool:
    """Whether this render, which runs or waits behind so many that wait, is one that loading is done for."""
    needs = needs_of(job.engine, job.enhancer)
    if job.status == Status.RUNNING:
        return not job.stage and any(place.claim == job.claim and not needs <= place.warm for place in there)
    free = [place for place in there if place.claim is None] or there
    return ahead <= 0 and bool(there) and not any(needs <= place.warm | place.soon for place in free)


def measured(told: Iterable[tuple[Needs, Mapping[str, Any]]]) -> dict[Needs, float]:
    """Seconds that loading takes, of what was loaded for some of the latest renders. told: what each needed, and its timings"""
    found = defaultdict[Needs, list[float]](list)
    for needs, timings in told:
        if (seconds := timings.get(STAGE, 0.0)) >= FELT_SECONDS:
            found[needs].append(seconds)
    return {needs: median(some) for needs, some in found.items()}
