"""A light copy of a clip, for watching in a browser: a file goes in; H.264 and AAC in an mp4 that plays at once come out.

It is only looked at, so it is small, and made gently: one thread, whatever the machine has.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from lipsync.errors import UnusableInput
from lipsync.media.colour import conversion
from lipsync.media.facts import ClipFacts
from lipsync.media.ffmpeg import Tool, ffmpeg, guarded_input
from lipsync.media.probe import probe_clip, probe_voice, sound_entry
from lipsync.media.sound import heard_filters
from lipsync.media.timing import PICTURE, SOUND
from lipsync.media.writer import PartFile, container_arguments

LONG_SIDE, SHORT_SIDE = 854, 480  # px
FASTEST = Fraction(30)
HEAVY_BYTES = 50_000_000
LARGE_PIXELS = 1920 * 1080
QUALITY = ("-preset", "veryfast", "-crf", "27", "-maxrate", "1500k", "-bufsize", "3000k", "-g", "60")
SOUND_BIT_RATE = "96k"
# On one thread of a slow machine beside other work; a program that takes longer than this has stopped.
LEAST_SECONDS, SECONDS_PER_SECOND = 600.0, 20.0
# What Chromium and Firefox play, as ffmpeg names it: containers with their codecs, forms of pixels, and sounds.
PLAYED = {"mp4": {"h264", "av1", "vp9"}, "webm": {"vp8", "vp9", "av1"}}
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mp4", ".webm": "webm"}
PLAYED_PIXELS = {"yuv420p", "yuvj420p"}
PLAYED_SOUNDS = {"aac", "mp3", "opus", "vorbis", "flac"}


@dataclass(frozen=True, slots=True)
class Rendition:
    """What became of a request for one.

    needed: False where the clip itself is light and plays; size: bytes, 0 where not needed
    """

    needed: bool
    size: int = 0

    def as_dict(self) -> dict[str, bool | int]:
        """Plain values for JSON."""
        return {"needed": self.needed, "size": self.size}


def is_heavy(facts: ClipFacts, size: int) -> bool:
    """Whether a clip is more than a page should load. size: bytes of its file"""
    return size > HEAVY_BYTES or facts.width * facts.height > LARGE_PIXELS


def plays_in_browsers(clip: Path, facts: ClipFacts) -> bool:
    """Whether usual browsers show the clip's picture and let its sound be heard. Raises EnvironmentFault."""
    codecs = PLAYED.get(CONTAINERS.get(clip.suffix.lower(), ""), set())
    if facts.codec not in codecs or facts.pixel_format not in PLAYED_PIXELS:
        return False
    try:
        return not facts.has_sound or probe_voice(clip).codec in PLAYED_SOUNDS
    except UnusableInput:  # a sound that is none; the picture plays
        return True


def save_rendition(clip: Path, output: Path) -> Rendition:
    """Make the light copy where the clip is heavy or does not play.

    It has at most 854 x 480 px, either way round, and at most 30 frames a second.
    Raises UnusableInput as `probe_clip`; EnvironmentFault (`no_space`, `not_writable`, `encoder_failed`, `tool_timeout`).
    """
    facts = probe_clip(clip)
    if not is_heavy(facts, clip.stat().st_size) and plays_in_browsers(clip, facts):
        return Rendition(needed=False)
    with PartFile(output) as part:
        command = ("-y", "-threads", "1", "-filter_threads", "1", *guarded_input(clip), *_picture(facts), *_sound(clip, facts))
        with Tool(ffmpeg(*command, *container_arguments(facts), f"file:{part.path}")) as tool:
            if tool.wait(timeout=max(LEAST_SECONDS, SECONDS_PER_SECOND * facts.duration)) != 0:
                raise part.failure(tool.log())
        part.keep()
    return Rendition(needed=True, size=output.stat().st_size)


def light_size(facts: ClipFacts) -> tuple[int, int]:
    """Width and height of the light copy, px: the clip's own shape with square pixels, never larger than the clip, even."""
    width, height = float(facts.width * facts.sample_aspect), float(facts.height)
    share = min(1.0, LONG_SIDE / max(width, height), SHORT_SIDE / min(width, height))
    return max(2, int(width * share) // 2 * 2), max(2, int(height * share) // 2 * 2)


def _picture(facts: ClipFacts) -> list[str]:
    width, height = light_size(facts)
    chain = [f"bwdif=mode=send_frame:parity={facts.field_order}:deint=all"] if facts.interlaced else []
    chain += [f"fps={min(facts.frame_rate, FASTEST)}"]
    if facts.hdr:
        chain += conversion(facts)
    chain += [f"scale={width}:{height}:flags=bicubic:out_range=limited", "setsar=1", "format=yuv420p"]
    return ["-map", f"0:{PICTURE}", "-vf", ",".join(chain), "-c:v", "libx264", *QUALITY, "-profile:v", "high", "-threads", "1"]


def _sound(clip: Path, facts: ClipFacts) -> list[str]:
    if not facts.has_sound:
        return []
    try:
        heard = heard_filters(sound_entry(clip))
    except UnusableInput:
        return []
    return ["-map", f"0:{SOUND}", "-af", heard, "-c:a", "aac", "-b:a", SOUND_BIT_RATE]
