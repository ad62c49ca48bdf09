"""A finished video's measured qualities in plain words: the engine's numbers go in, judged sentences come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

ICONS = {"good": "circle-check", "fair": "triangle-alert", "poor": "circle-x"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One quality. verdict: good, fair or poor"""

    words: str
    detail: str
    verdict: str

    @property
    def icon(self) -> str:
        """The shape that says the verdict without colour."""
        return ICONS[self.verdict]


def in_words(quality: Mapping[str, float | None]) -> list[Figure]:
    """The figures that a person can use, in the order of what they ask first. Unknown names are left to the log."""
    told: list[Figure] = []
    for name, tell in TELLERS.items():
        value = quality.get(name)
        if value is not None:
            told.append(tell(value))
    return told


def verdict(value: float, *, good: float, fair: float) -> str:
    """Good, fair or poor: the best whose limit is reached."""
    return "good" if value >= good else "fair" if value >= fair else "poor"


def _following(value: float) -> Figure:
    found = verdict(value, good=0.7, fair=0.45)
    words = {
        "good": _("The mouth opens and closes with the voice."),
        "fair": _("The mouth follows the voice most of the time."),
        "poor": _("The mouth follows the voice only loosely. A take with more speech in it helps."),
    }
    return Figure(words[found], _("agreement %(value).2f of 1") % {"value": value}, found)


def _sharpness(value: float) -> Figure:
    found = verdict(value, good=0.85, fair=0.65)
    words = {
        "good": _("The lips are as sharp as in the take."),
        "fair": _("The lips are a little softer than in the take."),
        "poor": _("The lips are clearly softer than in the take. Film closer or in more light."),
    }
    return Figure(words[found], _("%(value)d %% of the take's sharpness") % {"value": round(value * 100)}, found)


def _steadiness(value: float) -> Figure:
    found = verdict(-value, good=-1.5, fair=-2.25)
    words = {
        "good": _("The lips are as steady as in the take."),
        "fair": _("The lips flicker a little."),
        "poor": _("The lips flicker. A longer take with more speech in it helps."),
    }
    return Figure(words[found], _("%(value)d %% of the take's own flicker") % {"value": round(value * 100)}, found)


def _coverage(value: float) -> Figure:
    found = verdict(value, good=0.98, fair=0.9)
    words = {
        "good": _("The face was found in the whole take."),
        "fair": _("Parts of the take show no usable face and stay as filmed."),
        "poor": _("Much of the take shows no usable face and stays as filmed."),
    }
    return Figure(words[found], _("%(value)d %% of the frames") % {"value": round(value * 100)}, found)


TELLERS: dict[str, Callable[[float], Figure]] = {
    "aperture_followed": _following,
    "sharpness": _sharpness,
    "flicker": _steadiness,
    "face_found": _coverage,
}
