"""When pictures are shown: the exact constant rate to work at, the length of files that do not tell it, key frames."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
from collections.abc import Iterator
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
# The average of a mov or mp4 is counted, not told, and so exact is no average of a rate that varies.
COUNTED_RATE_TOLERANCE = Fraction(1, 20_000)
FEWEST_KEPT = 0.95
STEADY_GAP, STEADY_SHARE, ROUNDING_SECONDS = 0.1, 0.95, 1.1e-3
# Timestamps in whole milliseconds make ffprobe guess 19001/317 for 60000/1001.
SAME_RATE_TOLERANCE = Fraction(1, 5000)
LARGEST_RATE = 240
# A mouth says no more at 120 pictures a second; twice the work for every step of the engine does.
LARGEST_WORKING_RATE = Fraction(60)
# ffmpeg's names of the first moving picture, which a cover picture is not, and of the first sound.
PICTURE, SOUND = "V:0", "a:0"
RATE_WINDOW_PICTURES = 1000
# Four hours and a half at 60 frames per second.
MOST_PACKETS = 1_000_000
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
    """shown, decoded: timestamps in seconds, each in the other's place where a file leaves it out; timed: it tells both"""

    shown: float
    decoded: float
    key: bool
    timed: bool


def working_rate(path: Path, container: str, stream: dict[str, Any], seconds: float | None) -> Rate | None:
    """The constant rate to work at, or None where the file tells nothing of its rate.

    stream: ffprobe's report of the video stream; seconds: its length where known
    """
    average, nominal = positive(stream.get("avg_frame_rate")), positive(stream.get("r_frame_rate"))
    average = average or nominal
    if average is None:
        return None
    told = nominal or average
    off = abs(told - average) / average if told <= LARGEST_RATE else 1
    if off > STEADY_RATE_TOLERANCE and told in STANDARD_RATES and told < 2 * average:
        return _thinned(told, varies=True)  # a steady camera that dropped frames: every frame kept lies on the nominal grid
    exact = _steady(told, average, seconds)
    if container.startswith("mov") and off <= COUNTED_RATE_TOLERANCE:
        return _thinned(exact, varies=False)
    gaps = _gaps(path)
    if off <= STEADY_RATE_TOLERANCE and _keeps(gaps, exact):
        return _thinned(exact, varies=False)
    return _thinned(_fitting(gaps) if gaps else average, varies=True)


def counted_seconds(path: Path, stream: str = PICTURE) -> float | None:
    """Length of a stream of a file that does not tell it, found by reading all of it."""
    shown, decoded = [], []
    for packet in _packets(path, stream):
        decoded.append(packet.decoded)
        if packet.timed:
            shown.append(packet.shown)
    # Where a file leaves out some of the one or repeats some of the other, the longer is right.
    return max((_span(times) for times in (shown, decoded) if len(times) > 1), default=None)


def _span(times: list[float]) -> float:
    """Seconds from the first to the end of the last."""
    times = sorted(times)
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


def _gaps(path: Path) -> list[float]:
    """Seconds between pictures at the file's beginning."""
    packets = list(_packets(path, PICTURE, RATE_WINDOW_PICTURES))
    whole = all(packet.timed for packet in packets)
    times = sorted(packet.shown if whole else packet.decoded for packet in packets)
    return [there - here for here, there in itertools.pairwise(times) if there > here]


def _keeps(gaps: list[float], rate: Fraction) -> bool:
    """Whether nearly all pictures come one frame after the other, timestamps being rounded to milliseconds at worst."""
    frame = 1 / float(rate)
    steady = sum(abs(gap - frame) <= STEADY_GAP * frame + ROUNDING_SECONDS for gap in gaps)
    return steady >= STEADY_SHARE * len(gaps)


def _fitting(gaps: list[float]) -> Fraction:
    """The lowest standard rate at which hardly a picture is lost."""
    times = list(itertools.accumulate(gaps, initial=0.0))
    kept = {rate: len({round(time * rate) for time in times}) / len(times) for rate in STANDARD_RATES}
    lowest = next((rate for rate in STANDARD_RATES if kept[rate] >= FEWEST_KEPT), STANDARD_RATES[-1])
    return max(
        (rate for rate in STANDARD_RATES if lowest <= rate < lowest * Fraction(501, 500)), key=lambda rate: (kept[rate], -rate)
    )


def _packets(path: Path, stream: str, most: int = MOST_PACKETS) -> Iterator[_Packet]:
    """Coded pictures, or pieces of sound, in the file's order, up to `most` of them: a hostile file may have millions."""
    command = [program("ffprobe"), "-v", "error", "-select_streams", stream, "-read_intervals", f"%+#{most}"]
    told = ["-show_entries", "packet=pts_time,dts_time,flags", "-of", "csv=p=0"]
    result = run([*command, *told, *guarded_input(path)], timeout=SCAN_TIMEOUT_SECONDS)
    for line in io.BytesIO(result.stdout):
        shown, decoded, flags = (line.decode().strip().split(",") + ["", ""])[:3]
        times = [float(time) for time in (shown, decoded) if time not in ("", "N/A")]
        if times and "D" not in flags:
            yield _Packet(times[0], times[-1], "K" in flags, len(times) == 2)
