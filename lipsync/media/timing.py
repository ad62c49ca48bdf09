"""When pictures are shown: the exact constant rate to work at, the length of files that do not tell it, key frames."""

from __future__ import annotations

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
LARGEST_RATE = 240
# A mouth says no more at 120 pictures a second; twice the work for every step of the engine does.
LARGEST_WORKING_RATE = Fraction(60)
# ffmpeg's names of the first moving picture, which a cover picture is not, and of the first sound.
PICTURE, SOUND = "V:0", "a:0"
RATE_WINDOW_SECONDS = 120
SCAN_TIMEOUT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Rate:
    """The rate worked at.

    varies: the file's own is not constant; step: of every so many pictures in the file one is used
    """

    frames_per_second: Fraction
    varies: bool
    step: int


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
    times = sorted(time for time, _ in _packets(path, stream))
    if len(times) < 2:
        return None
    return times[-1] - times[0] + median(there - here for here, there in itertools.pairwise(times))


def key_frame_times(path: Path) -> list[float]:
    """Timestamps of the file's key frames, ascending, found by reading all of it."""
    return sorted(time for time, key in _packets(path, PICTURE) if key)


def positive(text: str | None) -> Fraction | None:
    """A fraction above zero as ffprobe writes it."""
    try:
        value = Fraction(text or "0")
    except (ValueError, ZeroDivisionError):
        return None
    return value if value > 0 else None


def _steady(nominal: Fraction, average: Fraction, seconds: float | None) -> Fraction:
    """30 where a file says 30, but 30000/1001 where its pictures really come at 29.97: else one is shown twice now and then."""
    if abs(nominal - average) * Fraction(seconds or 0) < 1:
        return nominal
    return min((nominal, *STANDARD_RATES), key=lambda rate: abs(rate - average))


def _thinned(rate: Fraction, *, varies: bool) -> Rate:
    step = math.ceil(rate / LARGEST_WORKING_RATE)
    return Rate(rate / step, varies, step)


def _usual_rate(path: Path) -> Fraction | None:
    times = sorted(time for time, _ in _packets(path, PICTURE, f"%+{RATE_WINDOW_SECONDS}"))
    gaps = [there - here for here, there in itertools.pairwise(times) if there > here]
    return 1 / Fraction(median(gaps)) if gaps else None


def _packets(path: Path, stream: str, interval: str | None = None) -> list[tuple[float, bool]]:
    """(timestamp in seconds, key frame) of every packet of a stream, in the file's order."""
    command = [program("ffprobe"), "-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time,flags"]
    only = ["-read_intervals", interval] if interval else []
    result = run([*command, *only, "-of", "csv=p=0", *guarded_input(path)], timeout=SCAN_TIMEOUT_SECONDS)
    packets = []
    for line in result.stdout.decode().splitlines():
        time, _, flags = line.partition(",")
        if time not in ("", "N/A") and "D" not in flags:
            packets.append((float(time), "K" in flags))
    return packets
