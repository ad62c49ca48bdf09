"""espeak-ng: every language that it has a voice for and we have text in, with a hundred variants of each voice."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lipsync.synthetic.speech import Utterance, Voice, say_each
from lipsync.training.speech.speakers import Request, Speaker, between

RATE = (110, 240)
PITCH = (15, 90)
RANGE = (20, 90)
COMMON = ("ar", "cmn-latn-pinyin", "de", "es", "fr-fr", "hi", "it", "ja", "ko", "nl", "pl", "pt", "pt-br", "ru", "tr", "vi")
COMMON_WEIGHT = 3.0
TEXT_LANGUAGE = {"cmn": "zh", "yue": "zh"}
UNREAD = ("cmn", "hak", "fa-latn")
"""Voices that spell their language's writing in English (cmn reads it as cmn-latn-pinyin), or want it in Latin letters."""
IDEOGRAPHS = re.compile(r"[\u3400-\u9fff]+")
LINE = re.compile(r"\s*\d+\s+(?P<tag>\S+)\s+\S+/\S\s+\S+\s+(?P<file>.+?)\s*(?:\(.*)?$")


def speakers() -> tuple[Speaker, ...]:
    """One for each language of espeak-ng; none when it is not installed."""
    variants = tuple(f"+{file.removeprefix('!v/')}" for _, file in _voices("--voices=variant"))
    found: dict[str, Speaker] = {}
    for tag, file in _voices("--voices"):
        base = tag.split("-")[0]
        if tag not in UNREAD and tag not in found:
            weight = COMMON_WEIGHT if base == "en" or tag in COMMON else 1.0
            found[tag] = Speaker(f"espeak:{tag}", Path(file).name, TEXT_LANGUAGE.get(base, base), weight, variants)
    return tuple(found.values())


def _voices(question: str) -> list[tuple[str, str]]:
    """Language tag and file of each voice that espeak-ng lists."""
    try:
        done = subprocess.run(["espeak-ng", question], capture_output=True, text=True, check=False)  # noqa: S607
    except FileNotFoundError:
        return []
    return [(line["tag"], line["file"]) for line in map(LINE.match, done.stdout.splitlines()) if line]


def speak(requests: Sequence[Request]) -> list[Utterance | None]:
    """All in one process. None: no sound, or the library has crashed there or before."""
    spoken = say_each(
        [
            (
                _readable(request),
                Voice(
                    request.speaker.name + request.variant,
                    round(between(*RATE, request.tempo)),
                    round(between(*PITCH, request.pitch)),
                    round(between(*RANGE, request.liveliness)),
                ),
            )
            for request in requests
        ]
    )
    return spoken + [None] * (len(requests) - len(spoken))


def _readable(request: Request) -> str:
    """Japanese without ideographs, which espeak-ng does not read."""
    return IDEOGRAPHS.sub("", request.text) if request.speaker.language == "ja" else request.text
