"""The kills of `kills`, with the real engine on a short piece of the project's synthetic take."""

from __future__ import annotations

from tests.soak.cases import kills
from tests.soak.course import Course

CLIP_SECONDS = 5.0
VOICE_SECONDS = 2.5


def run(course: Course) -> None:
    """T1 once more."""
    course.open()
    course.film(clip_seconds=CLIP_SECONDS, voice_seconds=VOICE_SECONDS)
    course.learn()
    kills.disturb(course)
