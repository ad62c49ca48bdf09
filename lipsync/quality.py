"""How well a finished video does what was wanted: it is looked at again, as a stranger would."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lipsync.bank import Mouth, lip_sharpness
from lipsync.faces import TRACKERS
from lipsync.faces.landmarks import RIGID
from lipsync.faces.pose import DoubleArray, fit_similarity, rigid_reference
from lipsync.faces.tracker import FloatArray, Region
from lipsync.media import FrameReader, probe_clip
from lipsync.shapes import apertures, apertures_of_lips, widths, widths_of_lips

LONGEST_MEASURED_SECONDS = 12
FEWEST_FRAMES = 25
SAME_FACE_OVERLAP = 0.5


def measure(
    output: Path, lips: DoubleArray, strength: FloatArray, faces: FloatArray, bank: list[Mouth]
) -> dict[str, float | None]:
    """Figures over the video's first seconds.

    lips: (T, len(LIPS), 3) what was wanted; strength: (T,) frames at 0 were passed through and do not count
    faces: (T, len(KEPT), 3) px landmarks of the frames underneath: where the speaker's face is, whoever else is seen

    aperture_followed, width_followed: Pearson's r between mouth wanted and mouth found
    aperture_error_iod: mean absolute difference, both about their own mean
    sharpness: lips in the result over lips in the take, 1 = as sharp
    """
    facts = probe_clip(output)
    count = min(len(lips), round(LONGEST_MEASURED_SECONDS * facts.frame_rate))
    points, numbers, sharpness = [], [], []
    with TRACKERS["mediapipe"]() as tracker:
        before: Region | None = None
        for number, frame in enumerate(FrameReader(output, facts).forward(0, count)):
            here = Region.around(faces[number])
            # As in a film, the region follows the face found last: its own mouth may be open, that of the frame below shut.
            region = before if before is not None and before.overlap(here) > SAME_FACE_OVERLAP else here
            found = tracker.fit(frame, region) if strength[number] > 0.5 else None
            before = None if found is None else Region.around(found)
            if found is not None:
                points.append(found.astype(np.float64))
                numbers.append(number)
                sharpness.append(lip_sharpness(frame, found))
    if len(numbers) < FEWEST_FRAMES:
        return {"aperture_followed": None, "width_followed": None, "aperture_error_iod": None, "sharpness": None}
    own = np.stack(points)
    shapes = fit_similarity(rigid_reference(own), own[:, RIGID]).to_own(own)
    wanted = lips[numbers]
    reached, asked = apertures(shapes), apertures_of_lips(wanted)
    taken = np.median([mouth.sharpness for mouth in bank])
    return {
        "aperture_followed": _correlation(reached, asked),
        "width_followed": _correlation(widths(shapes), widths_of_lips(wanted)),
        "aperture_error_iod": round(float(np.abs((reached - reached.mean()) - (asked - asked.mean())).mean()), 4),
        "sharpness": round(float(np.exp(np.median(sharpness) - taken)), 3),
    }


def _correlation(left: DoubleArray, right: DoubleArray) -> float | None:
    if left.std() < 1e-6 or right.std() < 1e-6:
        return None
    return round(float(np.corrcoef(left, right)[0, 1]), 3)
