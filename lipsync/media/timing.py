"""When pictures are shown: the exact constant rate to work at, the length of files that do not tell it, key frames."""

from __future__ import annotations

import contextlib
import itertools
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

from lipsync.media.ffmpeg import guarded_input, program, run

STANDARD_RATES = tuple(
    Fraction(n, d)
    for n, d in (
        *((10, 1), (12, 1), (15, 1), (20, 1), (24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1)),
        *((48, 1), (50, 1), (60000, 1001), (60, 1), (90, 1), (100, 1), (120000, 1001), (120, 1), (240000, 1001), (240, 1)),
    )
)
STEADY_RATE_TOLERANCE = Fraction(1, 500)
# Timestamps in whole milliseconds make ffprobe guess 19001/317 for 60000/1001.
SAME_RATE_TOLERANCE = Fraction(1, 5000)
LARGEST_RATE = 240
# A mouth says no more at 120 pictures a second; twice the work for every step of the engine does.
LARGEST_WORKING_RATE = Fraction(60)
# ffmpeg's names of the first moving picture, which a cover picture is not, and of the first sound.
PICTURE, SOUND = "V:0", "a:0"
RATE_WINDOW_SECONDS = 120
SCAN_TIMEOUT_SECONDS = 600
PICTURES_LOOKED_AT = 16
# Formats without an index: they do not tell their length well, and a seek may land between key frames.
UNINDEXED = ("mpegts", "mpeg")
# Formats whose pictures only tell when they are decoded.
UNTIMED = ("avi",)


@dataclass(frozen=True, slots=True)
class Rate:
    """The rate worked at.

    varies: the file's own is not constant; step: of every so many pictures in the file one is used
    """

    frames_per_second: Fraction
    varies: bool
    step: int


@dataclass(frozen=True, slots=True)
class _Packet:
    """shown, decoded: timestamps in seconds, each in the other's place where a file leaves it out"""

    shown: float
    decoded: float
    key: bool


def working_rate(path: Path, stream: dict[str, Any], seconds: float | None) -> Rate | None:
    """The constant rate to work at, or None where the file tells nothing of its rate.

    stream: ffprobe's report of the video stream; seconds: its length where known
    """
    average, nominal = positive(stream.get("avg_frame_rate")), positive(stream.get("r_frame_rate"))
    average = average or nominal
    if average is None:
        return None
    steady = nominal is not None and nominal <= LARGEST_RATE and abs(nominal - average) <= average * STEADY_RATE_TOLERANCE
    if steady and nominal is not None:
        return _thinned(_steady(nominal, average, seconds), varies=False)
    if nominal in STANDARD_RATES and nominal < 2 * average:
        return _thinned(nominal, varies=True)  # a steady camera that dropped frames: every frame kept lies on the nominal grid
    usual = _usual_rate(path) or average
    return _thinned(min(STANDARD_RATES, key=lambda rate: abs(math.log(rate / usual))), varies=True)


def counted_seconds(path: Path, stream: str = PICTURE) -> float | None:
    """Length of a stream of a file that does not tell it, found by reading all of it."""
    times = sorted(packet.decoded for packet in _packets(path, stream))
    if len(times) < 2:
        return None
    return times[-1] - times[0] + median(there - here for here, there in itertools.pairwise(times))


def key_frame_times(path: Path) -> list[float]:
    """Timestamps of the file's key frames, ascending, found by reading all of it."""
    return sorted(packet.shown for packet in _packets(path, PICTURE) if packet.key)


def positive(text: str | None) -> Fraction | None:
    """A fraction above zero as ffprobe writes it."""
    try:
        value = Fraction(text or "0")
    except (ValueError, ZeroDivisionError):
        return None
    return value if value > 0 else None


def first_timestamp(path: Path) -> float | None:
    """Timestamp of the first picture that can be decoded, seconds, for formats whose own timestamps are those of decoding."""
    command = [program("ffprobe"), "-v", "error", "-select_streams", PICTURE, "-read_intervals", f"%+#{PICTURES_LOOKED_AT}"]
    shown = ["-show_entries", "frame=best_effort_timestamp_time", "-of", "csv=p=0"]
    for line in run([*command, *shown, *guarded_input(path)]).stdout.decode().splitlines():
        with contextlib.suppress(ValueError):
            return float(line.strip(","))
    return None


def _steady(nominal: Fraction, average: Fraction, seconds: float | None) -> Fraction:
    """30 where a file says 30, but 30000/1001 where its pictures really come at 29.97: else one is shown twice now and then."""
    near = min(STANDARD_RATES, key=lambda rate: abs(rate - average))
    if abs(near - nominal) <= nominal * SAME_RATE_TOLERANCE:
        return near
    return nominal if abs(nominal - average) * Fraction(seconds or 0) < 1 else near


def _thinned(rate: Fraction, *, varies: bool) -> Rate:
    step = math.ceil(rate / LARGEST_WORKING_RATE)
    return Rate(rate / step, varies, step)


def _usual_rate(path: Path) -> Fraction | None:
    times = sorted(packet.decoded for packet in _packets(path, PICTURE, f"%+{RATE_WINDOW_SECONDS}"))
    gaps = [there - here for here, there in itertools.pairwise(times) if there > here]
    return 1 / Fraction(median(gaps)) if gaps else None


def _packets(path: Path, stream: str, interval: str | None = None) -> list[_Packet]:
    """Every coded picture, or piece of sound, in the file's order."""
    command = [program("ffprobe"), "-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time,dts_time,flags"]
    only = ["-read_intervals", interval] if interval else []
    result = run([*command, *only, "-of", "csv=p=0", *guarded_input(path)], timeout=SCAN_TIMEOUT_SECONDS)
    packets = []
    for line in result.stdout.decode().splitlines():
        shown, decoded, flags = (line.split(",") + ["", ""])[:3]
        times = [float(time) for time in (shown, decoded) if time not in ("", "N/A")]
        if times and "D" not in flags:
            packets.append(_Packet(times[0], times[-1], "K" in flags))
    return packets
