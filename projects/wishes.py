"""What a render would take that nobody has asked for yet: what is known of clip and voice goes in, seconds come out."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from projects import estimates, turns
from projects.estimates import Looked, Waiting, Work
from projects.models import AudioTrack, Choice, SpeakerClip

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class Material:
    """A clip and a voice, of the library or about to arrive. content: the clip's SHA-256, empty where it is not known yet"""

    width: int
    height: int
    clip_seconds: float
    voice_seconds: float
    content: str = ""

    @classmethod
    def of(cls, clip: SpeakerClip, track: AudioTrack) -> Material:
        """Of the library."""
        return cls(clip.width, clip.height, clip.duration, track.duration, clip.sha256)


def seconds_until_done(user: User, material: Material, choice: Choice) -> float | None:
    """How long it would take from now on, with what waits before it; None while the person's queue is paused."""
    line = turns.line()
    if turns.queue_of(user).paused_at is not None:
        return None
    following, _ranks = turns.upcoming(estimates.PLAYED, line)
    works, running = estimates.works_of(following)
    rates, looked = estimates.measured(), Looked()

    def takes(work: Work) -> float:
        known = bool(work.content) and looked.at(work.content)
        return rates.seconds(work, looked_at=known)

    busy = [(work.user_id, estimates.seconds_left(takes(work), share, guess)) for work, share, guess in running]
    waiting = [Waiting(job_id, works[job_id].user_id, takes(works[job_id])) for job_id in following if job_id in works]
    mine = Waiting(uuid.uuid4(), user.pk, takes(_work(user, material, choice)))
    own = sum(each.waiting for each in line.standings if each.user_id == user.pk)
    waiting.insert(max(0, line.ahead(user.pk, own) - line.running), mine)
    limits = {each.user_id: each.limit for each in line.standings}
    play = estimates.play_through(busy, waiting, lanes=estimates.working_lanes(len(busy)), limits=limits)
    return play.starts[mine.job_id] + mine.seconds


def _work(user: User, material: Material, choice: Choice) -> Work:
    video = choice.seconds(clip=material.clip_seconds, voice=material.voice_seconds)
    size = estimates.size_of(material.width, material.height)
    return Work(uuid.UUID(int=0), user.pk, size, video, material.clip_seconds, material.content)
