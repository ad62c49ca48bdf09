"""A voice cleaned up for the ear, where its owner asks for it: a file goes in, a file of the same length and zero comes out."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.errors import ToolFailed
from lipsync.media.ffmpeg import Tool, ffmpeg, guarded_input, run
from lipsync.media.noise import noise_profile, without_noise
from lipsync.media.probe import sound_entry
from lipsync.media.sound import HEARD_RATE, heard_channels, heard_filters, read_heard
from lipsync.media.timing import SOUND
from lipsync.media.writer import PartFile

# EBU R128 measures; the loudness is that of spoken programmes on the web, the peak leaves room for the codec.
LOUDNESS_LUFS, PEAK_DBTP = -16.0, -1.5
MOST_GAIN_DECIBEL = 40.0
CLOSE_ENOUGH_LU = 0.1
# Peaks between samples show when there are four times as many.
LIMITER = (
    f"aresample={4 * HEARD_RATE},alimiter=limit={10 ** (PEAK_DBTP / 20):.4f}:level=false:latency=true,aresample={HEARD_RATE}"
)
TIMEOUT_SECONDS = 3600
_FLAC = ("-c:a", "flac", "-sample_fmt", "s32", "-f", "flac")
_MEASURED = re.compile(r"I:\s+(-?[\d.]+) LUFS.*Peak:\s+(-?[\d.]+|-?inf) dBFS", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SoundChoice:
    """What is done to the voice that the viewer hears; what drives the mouth is the voice as it came.

    denoise: steady noise (hum, hiss, a fan) is turned down by 16 dB
    loudness: brought to -16 LUFS (EBU R128), no true peak above -1.5 dBTP
    """

    denoise: bool = False
    loudness: bool = False


def cleaned(voice: Path, choice: SoundChoice, folder: Path) -> Path:
    """The voice as chosen: itself, or a file in `folder` of the same length at 48 kHz, sample 0 being its first instant.

    Raises UnusableInput as `read_sound`, EnvironmentFault (`no_space`, `not_writable`, `encoder_failed`, `sound_unmeasured`).
    """
    if choice.denoise:
        noise = noise_profile(read_heard(voice))
        channels = heard_channels(sound_entry(voice))
        voice = _stored(without_noise(read_heard(voice), noise), channels, folder / "denoised.flac")
    if choice.loudness:
        voice = _levelled(voice, folder / "levelled.flac")
    return voice


def _levelled(voice: Path, output: Path) -> Path:
    """One gain for the whole recording; what would rise above the peak is limited, and what that costs is given back once."""
    chain = heard_filters(sound_entry(voice))
    loudness, peak = _loudness(voice, chain)
    gain = min(LOUDNESS_LUFS - loudness, MOST_GAIN_DECIBEL)
    limiter = f",{LIMITER}" if peak + gain > PEAK_DBTP else ""
    if limiter:
        limited, _ = _loudness(voice, f"{chain},volume={gain:.2f}dB{limiter}")
        lost = LOUDNESS_LUFS - limited
        gain = min(gain + lost, MOST_GAIN_DECIBEL) if lost > CLOSE_ENOUGH_LU else gain
    with PartFile(output) as part:
        filters = ("-map", f"0:{SOUND}", "-af", f"{chain},volume={gain:.2f}dB{limiter}")
        command = ffmpeg("-y", *guarded_input(voice), *filters, *_FLAC, f"file:{part.path}")
        with Tool(command) as tool:
            if tool.wait(timeout=TIMEOUT_SECONDS) != 0:
                raise part.failure(tool.log())
        part.keep()
    return output


def _loudness(voice: Path, filters: str) -> tuple[float, float]:
    """Integrated loudness in LUFS and true peak in dBTP (EBU R128, ITU-R BS.1770)."""
    measure = f"{filters},ebur128=peak=true:framelog=verbose"
    command = ffmpeg("-v", "info", "-nostats", *guarded_input(voice), "-map", f"0:{SOUND}", "-af", measure, "-f", "null", "-")
    log = run(command, timeout=TIMEOUT_SECONDS).stderr.decode(errors="replace")
    measured = _MEASURED.search(log)
    if measured is None:
        raise ToolFailed(
            "sound_unmeasured", "The loudness of the voice could not be measured. Start the render again.", log=log
        )
    return float(measured[1]), float(measured[2])


def _stored(blocks: Iterable[npt.NDArray[np.float32]], channels: int, output: Path) -> Path:
    """Blocks of (n, channels) samples at 48 kHz as a file without loss but for 24 bits."""
    with PartFile(output) as part:
        raw = ("-f", "f32le", "-ar", str(HEARD_RATE), "-ac", str(channels), "-i", "pipe:0")
        with Tool(ffmpeg("-y", *raw, *_FLAC, f"file:{part.path}"), feeding=True) as tool:
            with contextlib.suppress(ConnectionError):  # it has ended; its exit code and words tell why
                for block in blocks:
                    tool.feed(np.ascontiguousarray(block).tobytes())
            tool.end_of_input()
            if tool.wait(timeout=TIMEOUT_SECONDS) != 0:
                raise part.failure(tool.log())
        part.keep()
    return output
