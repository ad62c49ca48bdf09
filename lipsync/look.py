"""Stage one, look: the take streams by once; the speaker's landmarks in every frame and a bank of mouths come out.

The first face is followed at once. Only where somebody else is seen who could be the speaker too, short parts of the take are
looked at to tell who it is (`faces/speaker.py`), and the take is begun anew if it is not who was followed.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lipsync.bank import BankBuilder, Mouth, lip_sharpness
from lipsync.errors import UnusableInput
from lipsync.faces import TRACKERS
from lipsync.faces.follower import Follower, Identity
from lipsync.faces.landmarks import KEPT, LEFT_EYE, RIGHT_EYE
from lipsync.faces.pose import DoubleArray, SkinDrift
from lipsync.faces.shots import ShotFinder
from lipsync.faces.speaker import Chosen, Mark, SoundMatch, choose, identity_of, meet, parts_of
from lipsync.faces.track import FaceTrack, nearest_seen
from lipsync.faces.tracker import FloatArray, Tracker
from lipsync.media.frames import Frame, FrameReader
from lipsync.media.probe import ClipFacts
from lipsync.rows import RowFile, RowWriter
from lipsync.sound.presence import listen_to_parts, presence

SMALLEST_COVERAGE = 0.5
SMALLEST_FACE_IOD_PIXELS = 24.0
FEWEST_FRAMES = 12
SECONDS_LOOKED_AT_BEFORE_GIVING_UP = 60
LANDMARKS_FILE = "landmarks.f32"
# Somebody else seen for so long in all may be the speaker.
COMPANY_SECONDS = 1.2


@dataclass(frozen=True, slots=True)
class Pick:
    """The speaker as chosen on a still. x, y: 0 to 1 of the upright picture; seconds: from the first picture"""

    x: float
    y: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Sight:
    """What looking at a take gives.

    sharpness: (n,) float32, see `lip_sharpness`; light: (n,) float32 mean luma of the face, 0 to 255; 0 without a face
    people: most faces seen at once; chosen: how the speaker was told, `only`, `point`, `sound` or `largest`
    """

    track: FaceTrack
    bank: list[Mouth]
    sharpness: FloatArray
    light: FloatArray
    people: int
    chosen: Chosen


@dataclass(slots=True)
class _Notes:
    """A few numbers for every frame, in compact arrays: a long take has hundreds of thousands."""

    seen: array[int] = field(default_factory=lambda: array("B"))
    drift: array[float] = field(default_factory=lambda: array("f"))
    sharpness: array[float] = field(default_factory=lambda: array("f"))
    light: array[float] = field(default_factory=lambda: array("f"))
    shots: ShotFinder = field(default_factory=ShotFinder)
    bank: BankBuilder = field(default_factory=BankBuilder)


class _AnotherPerson(Exception):
    """The one who was followed is not the speaker."""


def look(
    path: Path,
    facts: ClipFacts,
    folder: Path,
    *,
    speaker: Pick | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    make_tracker: Callable[[], Tracker] = TRACKERS["mediapipe"],
) -> Sight:
    """Follow the speaker through the take and fill the bank.

    folder: where the landmarks are written; speaker: who it is, where the user said so
    Raises UnusableInput: `no_face`, `no_face_there`, `face_too_small`, `face_rarely_seen`, `too_short`, `not_a_video`.
    """
    with make_tracker() as tracker:
        viewer = _Viewer(path, facts, folder, tracker, on_progress)
        if speaker is not None:
            viewer.find_marked(speaker)
        try:
            return viewer.watch()
        except _AnotherPerson:
            return viewer.watch()


class _Viewer:
    """One look at a take, with what is known of its speaker."""

    def __init__(
        self, path: Path, facts: ClipFacts, folder: Path, tracker: Tracker, on_progress: Callable[[int, int], None]
    ) -> None:
        self._reader = FrameReader(path, facts)
        self._facts = facts
        self._landmarks = folder / LANDMARKS_FILE
        self._tracker = tracker
        self._on_progress = on_progress
        self._identity = Identity()
        self._chosen: Chosen | None = None

    def find_marked(self, speaker: Pick) -> None:
        """Learn how the speaker looks who was chosen on a still."""
        rate = float(self._facts.frame_rate)
        number = min(max(0, round(speaker.seconds * rate)), max(0, self._facts.frames - 1))
        self._choose(Mark(number, speaker.x * self._facts.width, speaker.y * self._facts.height))

    def watch(self) -> Sight:
        """The whole take. Raises _AnotherPerson, once, when it must be begun anew."""
        notes = _Notes()
        follower = Follower(self._tracker, identity=self._identity, frame_rate=float(self._facts.frame_rate))
        with RowWriter(self._landmarks, (len(KEPT), 3)) as writer:
            self._stream(notes, follower, writer)
            rows = writer.finish()
        track = _track(rows, notes)
        _refuse_hopeless(track, self._facts)
        return Sight(
            track,
            notes.bank.finish(),
            np.array(notes.sharpness, dtype=np.float32),
            np.array(notes.light, dtype=np.float32),
            follower.people,
            self._chosen or "only",
        )

    def _stream(self, notes: _Notes, follower: Follower, writer: RowWriter) -> None:
        skin, nothing = SkinDrift(), np.zeros((len(KEPT), 3), dtype=np.float32)
        patience = round(SECONDS_LOOKED_AT_BEFORE_GIVING_UP * self._facts.frame_rate)
        for number, frame in enumerate(self._reader.forward()):
            cut = notes.shots.step(frame.y)
            if cut:
                skin.restart()
            found = follower.track(frame, cut=cut)
            if self._chosen is None and follower.company > COMPANY_SECONDS:
                self._meet_everybody(follower)
            writer.append(nothing if found is None else found)
            notes.seen.append(found is not None)
            notes.drift.extend(skin.step(frame.y, found).tolist())
            sharpness, light = (0.0, 0.0) if found is None else (lip_sharpness(frame, found), _light(frame, found))
            notes.sharpness.append(sharpness)
            notes.light.append(light)
            if found is not None:
                notes.bank.offer(number, frame, found, sharpness)
            elif number > patience and not any(notes.seen):
                break
            self._on_progress(number + 1, max(self._facts.frames, number + 1))

    def _meet_everybody(self, follower: Follower) -> None:
        """Tell the speaker. Raises _AnotherPerson when it is not who was followed."""
        followed = follower.identity.own
        self._choose(None)
        if self._identity.known and self._identity.own.apart(followed) > self._identity.others.apart(followed):
            raise _AnotherPerson
        for sample in followed.samples:
            self._identity.own.learn(sample)
        follower.identity = self._identity

    def _choose(self, mark: Mark | None) -> None:
        rate = float(self._facts.frame_rate)
        parts = parts_of(self._facts.frames, rate, mark)
        people = meet(self._reader, self._tracker, parts, mark)
        if people or mark is not None:
            match = self._sound_match(parts) if mark is None and len(people) > 1 else None
            person, self._chosen = choose(people, mark, rate, match)
            self._identity = identity_of(person, people)
        else:
            self._chosen = "only"

    def _sound_match(self, parts: list[tuple[int, int]]) -> SoundMatch | None:
        """Compares mouths with the take's sound; None where there is none to compare with."""
        from lipsync.sound.mouth import generic_mouth  # noqa: PLC0415 - its modules import this one's results

        if not self._facts.has_sound:
            return None
        rate, start = float(self._facts.frame_rate), self._facts.video_start
        try:
            heard = listen_to_parts(
                self._reader.path, [(start + first / rate, start + (first + count) / rate) for first, count in parts]
            )
        except UnusableInput:
            return None

        def match(numbers: DoubleArray, measures: DoubleArray) -> float:
            return presence(heard, start + numbers / rate, measures, generic_mouth())

        return match


def _track(rows: RowFile, notes: _Notes) -> FaceTrack:
    seen = np.array(notes.seen, dtype=bool)
    shot = notes.shots.numbers()
    drift = np.array(notes.drift, dtype=np.float32).reshape(-1, 4)
    return FaceTrack(rows, nearest_seen(seen, shot), seen, drift, shot)


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
