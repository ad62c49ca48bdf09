"""Stage one, look: the take streams by once; the speaker's landmarks in every frame and a bank of mouths come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.bank import BankBuilder, Mouth
from lipsync.covered import Appearance
from lipsync.errors import UnusableInput
from lipsync.faces.landmarks import KEPT, LEFT_EYE, RIGHT_EYE
from lipsync.faces.pose import SkinDrift
from lipsync.faces.tracker import FloatArray, MediapipeTracker, Tracker
from lipsync.gate import Gate, judge
from lipsync.media.frames import FrameReader, even_size
from lipsync.media.probe import ClipFacts

SMALLEST_COVERAGE = 0.5
SMALLEST_FACE_IOD_PIXELS = 24.0
FEWEST_FRAMES = 12
SECONDS_LOOKED_AT_BEFORE_GIVING_UP = 60


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """The followed face over the whole take.

    points: (n, len(KEPT), 3) float32 px; frames without a face repeat their neighbour and count for nothing
    seen: (n,) bool
    drift: (n, 4) float32, see `SkinDrift`
    gate: where the mouth may be changed
    """

    points: FloatArray
    seen: npt.NDArray[np.bool_]
    drift: FloatArray
    gate: Gate

    @property
    def coverage(self) -> float:
        """Share of frames in which the face was found."""
        return float(self.seen.mean())


def look(
    path: Path,
    facts: ClipFacts,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    make_tracker: Callable[[], Tracker] = MediapipeTracker,
) -> tuple[FaceTrack, list[Mouth]]:
    """Follow the face through the take and fill the bank.

    Raises UnusableInput: `no_face`, `face_too_small`, `face_rarely_seen`, `too_short`, `not_a_video`.
    """
    points: list[FloatArray | None] = []
    drifts: list[FloatArray] = []
    bank = BankBuilder()
    skin = SkinDrift()
    appearance = Appearance()
    patience = round(SECONDS_LOOKED_AT_BEFORE_GIVING_UP * facts.frame_rate)
    found_any = False
    with make_tracker() as tracker:
        for number, frame in enumerate(FrameReader(path, facts).forward()):
            found = tracker.track(frame)
            points.append(found)
            drifts.append(skin.step(frame.y, found))
            appearance.observe(frame, found)
            if found is not None:
                found_any = True
                bank.offer(number, frame, found)
            elif not found_any and number > patience:
                break
            on_progress(number + 1, max(facts.frames, number + 1))
    track = _assemble(points, drifts, appearance, facts)
    _refuse_hopeless(track, facts)
    return track, bank.finish()


def _assemble(points: list[FloatArray | None], drifts: list[FloatArray], appearance: Appearance, facts: ClipFacts) -> FaceTrack:
    seen = np.array([found is not None for found in points])
    filled = np.zeros((len(points), len(KEPT), 3), dtype=np.float32)
    known = np.flatnonzero(seen)
    if len(known):
        after = np.searchsorted(known, np.arange(len(points))).clip(0, len(known) - 1)
        before = (after - 1).clip(0)
        numbers = np.arange(len(points))
        nearer = np.abs(known[after] - numbers) <= np.abs(known[before] - numbers)
        for number, source in enumerate(np.where(nearer, known[after], known[before])):
            filled[number] = points[source]
    width, height = even_size(facts)
    shot = np.zeros(len(points), dtype=np.intp)
    gate = judge(filled, seen, appearance.finish(), shot, width=width, height=height, frame_rate=facts.frame_rate)
    return FaceTrack(filled, seen, np.array(drifts, dtype=np.float32).reshape(-1, 4), gate)


def _refuse_hopeless(track: FaceTrack, facts: ClipFacts) -> None:
    if len(track.seen) < FEWEST_FRAMES:
        raise UnusableInput("too_short", "The clip is shorter than half a second. Film at least 10 seconds.")
    if not track.seen.any():
        raise UnusableInput(
            "no_face", "No face was found in the clip. Film one person, face to the camera, larger in the picture."
        )
    eyes = track.points[track.seen][:, RIGHT_EYE].mean(axis=1) - track.points[track.seen][:, LEFT_EYE].mean(axis=1)
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
