"""What was seen and heard of a take, as plain arrays: the preflight's input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lipsync.faces.pose import DoubleArray
from lipsync.joints import Joints
from lipsync.media import ClipFacts
from lipsync.sound.offset import Offset

USABLE_STRENGTH = 0.5


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the card is made from; arrays have one value per frame of the clip.

    seen: (n,) bool; shots: (n,) integers, equal within a shot
    angles: (n, 3) yaw, pitch, roll in degrees; iod: (n,) px between the eyes
    sharpness: (n,) see `lip_sharpness`; light: (n,) mean luma of nose and cheeks, clipped: (n,) share of it at the upper end,
        see `face_light`; clipped may be None
    apertures, widths: (n,) IOD; these, angles and iod are not numbers where too little of a face was seen to tell
    strength: (n,) 0 to 1, how far it may be changed; gaps: (first, end, reason) frames first to end - 1, by `gate.REASONS`
    part: frames that are used
    sound: the clip has a sound that is not silent; silent: it has one that is; offset: None where it could not be estimated
    learnt: the mouth's habits could be learnt from it
    faces: most faces seen at once; speaker: `only`, `point`, `sound` or `largest`, how the speaker was chosen
    notes: sentences of the media layer about frame rate and colour; joints: None where there is no face
    """

    facts: ClipFacts
    seen: npt.NDArray[np.bool_]
    shots: npt.NDArray[np.intp]
    angles: DoubleArray
    iod: DoubleArray
    sharpness: DoubleArray
    light: DoubleArray
    apertures: DoubleArray
    widths: DoubleArray
    strength: DoubleArray
    gaps: tuple[tuple[int, int, str], ...]
    part: range
    sound: bool
    silent: bool = False
    offset: Offset | None = None
    learnt: bool = True
    faces: int = 1
    speaker: str = "only"
    notes: tuple[str, ...] = ()
    joints: Joints | None = None
    clipped: DoubleArray | None = None
