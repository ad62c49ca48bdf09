"""Stage one, look: the take streams by once; the speaker's landmarks in every frame and a bank of mouths come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync.bank import BankBuilder, Mouth, lip_sharpness
from lipsync.errors import UnusableInput
from lipsync.faces.landmarks import KEPT, LEFT_EYE, RIGHT_EYE
from lipsync.faces.pose import SkinDrift
from lipsync.faces.track import FaceTrack, nearest_seen
from lipsync.faces.tracker import FloatArray, MediapipeTracker, Tracker
from lipsync.media.frames import Frame, FrameReader
from lipsync.media.probe import ClipFacts
from lipsync.rows import RowWriter

SMALLEST_COVERAGE = 0.5
SMALLEST_FACE_IOD_PIXELS = 24.0
FEWEST_FRAMES = 12
SECONDS_LOOKED_AT_BEFORE_GIVING_UP = 60
LANDMARKS_FILE = "landmarks.f32"


@dataclass(frozen=True, slots=True)
class Sight:
    """What looking at a take gives.

    sharpness: (n,) float32, see `lip_sharpness`; light: (n,) float32 mean luma of the lower face, 0 to 255; 0 without a face
    people: most faces seen at once; chosen: how the speaker was told, `only`, `point`, `sound` or `largest`
    """

    track: FaceTrack
    bank: list[Mouth]
    sharpness: FloatArray
    light: FloatArray
    people: int
    chosen: str


def look(
    path: Path,
    facts: ClipFacts,
    folder: Path,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    make_tracker: Callable[[], Tracker] = MediapipeTracker,
) -> Sight:
    """Follow the face through the take and fill the bank.

    folder: where the landmarks are written
    Raises UnusableInput: `no_face`, `face_too_small`, `face_rarely_seen`, `too_short`, `not_a_video`.
    """
    seen: list[bool] = []
    drifts: list[FloatArray] = []
    figures: list[tuple[float, float]] = []
    bank, skin = BankBuilder(), SkinDrift()
    patience = round(SECONDS_LOOKED_AT_BEFORE_GIVING_UP * facts.frame_rate)
    nothing = np.zeros((len(KEPT), 3), dtype=np.float32)
    with make_tracker() as tracker, RowWriter(folder / LANDMARKS_FILE, (len(KEPT), 3)) as writer:
        for number, frame in enumerate(FrameReader(path, facts).forward()):
            found = tracker.track(frame)
            seen.append(found is not None)
            writer.append(nothing if found is None else found)
            drifts.append(skin.step(frame.y, found))
            figures.append((0.0, 0.0) if found is None else (lip_sharpness(frame, found), _light(frame, found)))
            if found is not None:
                bank.offer(number, frame, found)
            elif number > patience and not any(seen):
                break
            on_progress(number + 1, max(facts.frames, number + 1))
        rows = writer.finish()
    shot = np.zeros(len(seen), dtype=np.intp)
    found_in = np.array(seen, dtype=bool)
    track = FaceTrack(
        rows, nearest_seen(found_in, shot), found_in, np.array(drifts, dtype=np.float32).reshape(-1, 4), shot
    )
    _refuse_hopeless(track, facts)
    sharpness, light = np.array(figures, dtype=np.float32).reshape(-1, 2).T
    return Sight(track, bank.finish(), sharpness.copy(), light.copy(), 1, "only")


def _light(frame: Frame, points: FloatArray) -> float:
    low = np.maximum(points[:, :2].min(axis=0).astype(int), 0)
    high = points[:, :2].max(axis=0).astype(int) + 1
    face = frame.y[low[1] : high[1] : 4, low[0] : high[0] : 4]
    return float(face.mean()) if face.size else 0.0


def _refuse_hopeless(track: FaceTrack, facts: ClipFacts) -> None:
    if len(track) < FEWEST_FRAMES:
        raise UnusableInput("too_short", "The clip is shorter than half a second. Film at least 10 seconds.")
    if not track.seen.any():
        raise UnusableInput(
            "no_face", "No face was found in the clip. Film one person, face to the camera, larger in the picture."
        )
    some = np.flatnonzero(track.seen)
    points = track.points(some[:: max(1, len(some) // 1000)])
    eyes = points[:, RIGHT_EYE].mean(axis=1) - points[:, LEFT_EYE].mean(axis=1)
    if np.median(np.linalg.norm(eyes, axis=1)) < SMALLEST_FACE_IOD_PIXELS:
        raise UnusableInput(
            "face_too_small",
            "The face in the clip is too small to work on. Come closer, so that the face fills a quarter of the height.",
        )
    if track.coverage < SMALLEST_COVERAGE:
        gap = float(int(np.argmin(track.seen)) / facts.frame_rate)
        raise UnusableInput(
            "face_rarely_seen",
            f"The face is seen in only {track.coverage:.0%} of the clip, first lost at {gap:.1f} s. "
            "Film again with the face to the camera throughout.",
            at=gap,
        )
