"""The spectrogram that Wav2Lip listens to: 16 kHz samples go in, 80 rows of 80 bands a second come out, from -4 to 4.

As its authors define it (hparams.py and audio.py of Prajwal et al. 2020): pre-emphasis .97, windows of 800 samples (Hann) every
200, mel bands from 55 to 7600 Hz (Slaney), amplitudes in dB over a reference of 20, a floor of -100, and that range brought to
-4 .. 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from lipsync.faces.track import IntArray
from lipsync.faces.tracker import FloatArray
from lipsync.media.sound import SAMPLE_RATE
from lipsync.rows import RowFile, RowWriter
from lipsync.sound.mel import mel_filters

BANDS = 80
WINDOW, HOP = 800, 200
RATE = SAMPLE_RATE // HOP
LOWEST_HERTZ, HIGHEST_HERTZ = 55.0, 7600.0
PRE_EMPHASIS = 0.97
REFERENCE_DECIBEL, FLOOR_DECIBEL = 20.0, -100.0
LARGEST = 4.0
SILENCE = -LARGEST
# Rows that the network hears for one picture, the first at the picture's own time.
HEARD_ROWS = 16


def speech_mel(blocks: Iterable[FloatArray]) -> Iterator[FloatArray]:
    """(n, BANDS) float32 rows, RATE a second, for each block of samples; the first row is about the first sample."""
    filters = mel_filters(SAMPLE_RATE, WINDOW, BANDS, LOWEST_HERTZ, HIGHEST_HERTZ).T
    shape = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
    waiting, last = np.zeros(WINDOW // 2, dtype=np.float32), np.float32(0)
    for block in blocks:
        if not len(block):
            continue
        before = np.concatenate([[last], block[:-1]])
        last = block[-1]
        waiting = np.concatenate([waiting, (block - PRE_EMPHASIS * before).astype(np.float32)])
        rows, waiting = _rows(waiting, shape, filters)
        yield rows
    yield _rows(np.concatenate([waiting, np.zeros(WINDOW // 2, dtype=np.float32)]), shape, filters)[0]


def _rows(samples: FloatArray, shape: FloatArray, filters: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The rows of every whole window, and the samples that the next window begins with."""
    count = max(0, (len(samples) - WINDOW) // HOP + 1)
    if count == 0:
        return np.empty((0, BANDS), dtype=np.float32), samples
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP][:count]
    bands = np.abs(np.fft.rfft(windows * shape, axis=1)).astype(np.float32) @ filters
    decibel = 20 * np.log10(np.maximum(bands, 10 ** (FLOOR_DECIBEL / 20))) - REFERENCE_DECIBEL
    level = 2 * LARGEST * (decibel - FLOOR_DECIBEL) / -FLOOR_DECIBEL - LARGEST
    return np.clip(level, -LARGEST, LARGEST).astype(np.float32), samples[count * HOP :]


@dataclass(frozen=True, slots=True)
class SpokenRows:
    """What is heard at every frame of a timeline.

    rows: on disk, for a long voice has hundreds of thousands
    still: (T,) see `MouthTrack`; in a pause silence is heard, whatever noise there is, so that the mouth closes
    """

    rows: RowFile
    still: FloatArray
    frame_rate: Fraction

    @classmethod
    def write(cls, path: Path, blocks: Iterable[FloatArray], still: FloatArray, frame_rate: Fraction) -> SpokenRows:
        """Work the rows out and put them into a file. Raises EnvironmentFault (`not_writable`, `no_space`)."""
        with RowWriter(path, (BANDS,)) as writer:
            for rows in speech_mel(blocks):
                writer.append(rows)
            return cls(writer.finish(), still, frame_rate)

    def at(self, numbers: IntArray) -> FloatArray:
        """(m, 1, BANDS, HEARD_ROWS) for frames of the timeline; silence beyond the voice's end."""
        starts = (numbers * RATE * self.frame_rate.denominator) // self.frame_rate.numerator
        wanted = starts[:, None] + np.arange(HEARD_ROWS)
        there = wanted < len(self.rows)
        found = np.full((*wanted.shape, BANDS), SILENCE, dtype=np.float32)
        found[there] = self.rows.take(wanted[there])
        frames = wanted * float(self.frame_rate) / RATE
        still = np.interp(frames, np.arange(len(self.still)), self.still).astype(np.float32)[..., None]
        heard = found + (SILENCE - found) * still
        return np.ascontiguousarray(heard.transpose(0, 2, 1)[:, None])
