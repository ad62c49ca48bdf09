"""How old what is kept is: projects go in, bytes by kind for each span of age come out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from projects.models import AudioTrack, RenderOutput, SpeakerClip

SPANS = (30, 90, 365)  # days at which the next span begins; the last one has no end


@dataclass(frozen=True, slots=True)
class Age:
    """What is of one age. since: days, from when on; until: days, before which, None for no end; the rest: bytes by kind"""

    since: int
    until: int | None
    clips: int
    tracks: int
    outputs: int

    @property
    def total(self) -> int:
        """Bytes of all kinds."""
        return self.clips + self.tracks + self.outputs


def of_projects(ids: Collection[UUID]) -> list[Age]:
    """What these projects keep, the youngest first; in one query for each kind."""
    sums = [
        _by_span(SpeakerClip.objects.kept().filter(speaker__project__in=ids)),
        _by_span(AudioTrack.objects.kept().filter(project__in=ids)),
        _by_span(RenderOutput.objects.kept().filter(project__in=ids)),
    ]
    edges = list(zip((0, *SPANS), (*SPANS, None), strict=True))
    return [Age(since, until, *kinds) for (since, until), *kinds in zip(edges, *sums, strict=True)]


def _by_span(rows: QuerySet[Any]) -> list[int]:
    now = timezone.now()
    moments = [now - timedelta(days=days) for days in SPANS]
    younger = [Q(created_at__gte=moment) for moment in moments]
    older = [Q(created_at__lt=moment) for moment in moments]
    spans = [younger[0], *(late & early for late, early in zip(older, younger[1:], strict=False)), older[-1]]
    found = rows.order_by().aggregate(**{f"span{number}": Sum("size", filter=span) for number, span in enumerate(spans)})
    return [found[f"span{number}"] or 0 for number in range(len(spans))]
