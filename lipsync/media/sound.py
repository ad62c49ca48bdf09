"""Sound as samples: any file that ffmpeg knows goes in; 16 kHz mono for the mouth or 48 kHz for the ear comes out.

Both pass the same filters up to their rate, so that what is heard and what drives the mouth begin at the same instant.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.errors import UnusableInput
from lipsync.media.facts import SoundEntry
from lipsync.media.ffmpeg import Tool, ffmpeg, guarded_input
from lipsync.media.probe import sound_entry
from lipsync.media.timing import SOUND

SAMPLE_RATE = 16_000
HEARD_RATE = 48_000
HEARD_BIT_RATE = "192k"
BLOCK_SECONDS = 20
# The difference of two channels so many times stronger than their mean: one of them is wired the wrong way round.
INVERTED = 10.0
# 18 dB above full scale: as far as a recorder of floating-point samples may be turned up.
LARGEST_SAMPLE = 8
# Several channels at full scale make more than that of two.
FOLDED_LIMIT = 0.97
FloatArray = npt.NDArray[np.float32]


def read_sound(path: Path) -> Iterator[FloatArray]:
    """Blocks of mono samples at 16 kHz, full scale 1, without offset; sample 0 is the file's first instant.

    Raises UnusableInput (`no_sound`, `not_a_sound`) when nothing can be decoded, ToolFailed (`decoder_died`).
    """
    entry = sound_entry(path)
    for block in _decoded(path, f"{_placed(entry, SAMPLE_RATE)},{_folded(entry)}", SAMPLE_RATE, heard_channels(entry)):
        mono = _mixed(block)
        yield mono - mono.mean()


def read_heard(path: Path) -> Iterator[FloatArray]:
    """Blocks of (n, channels) samples at 48 kHz as the viewer hears them, one channel or two; raises as `read_sound`."""
    entry = sound_entry(path)
    return _decoded(path, heard_filters(entry), HEARD_RATE, heard_channels(entry))


def heard_channels(entry: SoundEntry) -> int:
    """Channels of what the viewer hears."""
    return min(entry.channels, 2)


def heard_filters(entry: SoundEntry) -> str:
    """ffmpeg's filters from the file's sound to what is heard: 48 kHz, one channel or two; more are folded to two (BS.775)."""
    filters = f"{_placed(entry, HEARD_RATE)},{_folded(entry)}"
    if entry.channels > 2:
        filters += f",alimiter=limit={FOLDED_LIMIT}:level=false:latency=true"
    return filters


def sound_arguments(sound: Path, seconds: float | None, start: float = 0.0) -> tuple[list[str], list[str]]:
    """ffmpeg's options for the second input, the new sound, and for encoding it: AAC at 48 kHz, mono or stereo.

    seconds: how much of it is taken, None for all; start: from which second on
    """
    chain = heard_filters(sound_entry(sound))
    if start:
        chain += f",atrim=start={start:.6f},asetpts=PTS-STARTPTS"
    if seconds is not None:
        chain += f",atrim=end={seconds:.6f}"
    return guarded_input(sound), ["-map", f"1:{SOUND}", "-af", chain, "-c:a", "aac", "-b:a", HEARD_BIT_RATE]


def _placed(entry: SoundEntry, rate: int) -> str:
    """Filters to the wanted rate, gaps filled, sample 0 being the file's first instant."""
    filters = f"aresample={rate}:async=1:first_pts=0"
    if entry.late:
        filters += f",adelay=delays={1000 * entry.late:.3f}:all=true"
    if entry.floating:
        number = f"clip(val(ch)\\,-{LARGEST_SAMPLE}\\,{LARGEST_SAMPLE})"
        filters = f"aeval=exprs=if(isnan(val(ch))\\,0\\,{number}):channel_layout=same,{filters}"
    return filters


def _folded(entry: SoundEntry) -> str:
    return f"aformat=channel_layouts={'mono' if entry.channels == 1 else 'stereo'}"


def _decoded(path: Path, filters: str, rate: int, channels: int) -> Iterator[FloatArray]:
    """Blocks of (n, channels) samples, all but the last of the same length."""
    command = ffmpeg(*guarded_input(path), "-map", f"0:{SOUND}", "-af", filters, "-f", "f32le", "pipe:1")
    heard = 0
    with Tool(command, reading=True) as tool:
        while True:
            block = np.empty((BLOCK_SECONDS * rate, channels), dtype=np.float32)
            samples = tool.read_into(memoryview(block.data).cast("B")) // (4 * channels)
            heard += samples
            if samples:
                yield block[:samples]
            if samples < len(block):
                break
        tool.check_end()
    if heard == 0:
        raise UnusableInput("no_sound", "There is no sound that can be decoded. Choose another recording.")


def _mixed(block: FloatArray) -> FloatArray:
    """One channel of one or two, also where the sum of two would be silence."""
    mean, difference = block.mean(axis=1), (block[:, 0] - block[:, -1]) / 2
    return difference if np.dot(difference, difference) > INVERTED * np.dot(mean, mean) else mean
