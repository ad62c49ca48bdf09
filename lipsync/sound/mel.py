"""The mel scale's triangular filters (Davis and Mermelstein 1980; scale and areas after Slaney's Auditory Toolbox, 1998).

They equal those of librosa, whose import would cost every engine process a second and sixty megabytes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lipsync.faces.tracker import FloatArray

# Below 1 kHz a mel is so many hertz; above, frequencies grow by a factor of 6.4 in 27 mel.
LINEAR_HERTZ_PER_MEL = 200 / 3
LINEAR_UP_TO_HERTZ = 1000.0
LINEAR_UP_TO_MEL = LINEAR_UP_TO_HERTZ / LINEAR_HERTZ_PER_MEL
LOG_STEP = np.log(6.4) / 27

DoubleArray = npt.NDArray[np.float64]


def mel_filters(rate: int, transform: int, bands: int, lowest: float, highest: float) -> FloatArray:
    """(bands, transform // 2 + 1) weights of a power spectrum's bins, each band of the same area.

    rate: samples per second; transform: samples; lowest, highest: Hz, where the first band begins and the last one ends
    """
    bins = np.fft.rfftfreq(transform, 1 / rate)
    corners = _hertz(np.linspace(_mel(lowest), _mel(highest), bands + 2))
    widths = np.diff(corners)[:, None]
    rising = (bins - corners[:-2, None]) / widths[:-1]
    falling = (corners[2:, None] - bins) / widths[1:]
    area = 2 / (corners[2:] - corners[:-2])[:, None]
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * area, dtype=np.float32)


def _mel(hertz: float) -> float:
    if hertz < LINEAR_UP_TO_HERTZ:
        return hertz / LINEAR_HERTZ_PER_MEL
    return LINEAR_UP_TO_MEL + float(np.log(hertz / LINEAR_UP_TO_HERTZ) / LOG_STEP)


def _hertz(mel: DoubleArray) -> DoubleArray:
    above = LINEAR_UP_TO_HERTZ * np.exp(LOG_STEP * (mel - LINEAR_UP_TO_MEL))
    return np.where(mel < LINEAR_UP_TO_MEL, LINEAR_HERTZ_PER_MEL * mel, above)
