"""A take's own sound as it might have come: in noise, through a telephone, with music under it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lipsync.faces.tracker import FloatArray
from lipsync.media.sound import SAMPLE_RATE
from tests.lipsync.disturbances import babble, clipped, hum, music, pink, rumble, shouted, telephone, under

CASES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "as it came": lambda samples: samples,
    "pink noise, 20 dB": lambda samples: under(samples, pink(_seconds(samples)), 20),
    "pink noise, 10 dB": lambda samples: under(samples, pink(_seconds(samples)), 10),
    "pink noise, 5 dB": lambda samples: under(samples, pink(_seconds(samples)), 5),
    "pink noise, 0 dB": lambda samples: under(samples, pink(_seconds(samples)), 0),
    "six other people, 10 dB": lambda samples: under(samples, babble(_seconds(samples)), 10),
    "music, 10 dB": lambda samples: under(samples, music(_seconds(samples)), 10),
    "music, 0 dB": lambda samples: under(samples, music(_seconds(samples)), 0),
    "hum of the mains, 0 dB": lambda samples: under(samples, hum(_seconds(samples)), 0),
    "rumble, -20 dB": lambda samples: under(samples, rumble(_seconds(samples)), -20),
    "telephone": telephone,
    "cut off 12 dB too loud": lambda samples: clipped(samples, 12),
    "as loud as shouting": shouted,
    "40 dB quieter": lambda samples: np.asarray(samples * np.float32(0.01)),
}


def _seconds(samples: FloatArray) -> float:
    """Their length; a little more, since noise may not end before them."""
    return len(samples) / SAMPLE_RATE + 0.01
