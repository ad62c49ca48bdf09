"""Stage one, look: the take streams by once; the speaker's landmarks in every frame and a bank of mouths come out.

The first face is followed at once. Only where somebody else is seen who could be the speaker too, short parts of the take are
looked at to tell who it is (`faces/speaker.py`), and the take is begun anew unless that is who was followed all along.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lipsync.bank import BankBuilder, Mouth, lip_sharpness
from lipsync.contracts import SpeakerPoint
from lipsync.covered import Appearance
from lipsync.errors import UnusableInput
from lipsync.faces import TRACKERS
from lipsync.faces.follower import Follower, Identity
from lipsync.faces.landmarks import KEPT
from lipsync.faces.likeness import STRANGER
from lipsync.faces.pose import DoubleArray, SkinDrift
from lipsync.faces.shots import ShotFinder
from lipsync.faces.speaker import Chosen, Mark, Person, SoundMatch, choose, identity_of, meet, parts_of
from lipsync.faces.track import FaceTrack, nearest_seen
from lipsync.faces.tracker import FloatArray, Tracker
from lipsync.glance import TINY_SIDE, face_light, tiny_picture
from lipsync.media.frames import FrameReader, UInt8Array
from lipsync.media.probe import ClipFacts
from lipsync.rows import RowFile, RowWriter
from lipsync.sound.presence import listen_to_parts, presence

# Where nobody was seen for so long from the start, as behind slides, faces are looked for now and then only.
PATIENCE_SECONDS, SEARCH_SECONDS = 60.0, 0.4
LANDMARKS_FILE = "landmarks.f32"
# Somebody else seen for so long in all may be the speaker.
COMPANY_SECONDS = 1.2


@dataclass(frozen=True, slots=True)
class Sight:
    """What looking at a take gives.

    sharpness: (n,) float32, see `lip_sharpness`; light, clipped: (n,) float32, see `face_light`; 0 without a face
    colours: (n, 3, PLACES) see `covered.Appearance`; pictures: (n, h, w) see `tiny_picture`
    people: most faces seen at once; chosen: how the speaker was told, `only`, `point`, `sound` or `largest`
    """

    track: FaceTrack
    bank: list[Mouth]
    sharpness: FloatArray
    light: FloatArray
    clipped: FloatArray
    colours: UInt8Array
    pictures: UInt8Array
    people: int
    chosen: Chosen


@dataclass(slots=True)
class _Notes:
    """A few numbers for every frame, in compact arrays: a long take has hundreds of thousands."""

    seen: array[int] = field(default_factory=lambda: array("B"))
    drift: array[float] = field(default_factory=lambda: array("f"))
    sharpness: array[float] = field(default_factory=lambda: array("f"))
    light: array[float] = field(default_factory=lambda: array("f"))
    clipped: array[float] = field(default_factory=lambda: array("f"))
    appearance: Appearance = field(default_factory=Appearance)
    pictures: bytearray = field(default_factory=bytearray)
    shots: ShotFinder = field(default_factory=ShotFinder)
    bank: BankBuilder = field(default_factory=BankBuilder)


class _BeginAnewError(Exception):
    """The one who was followed is not the speaker, or the speaker was not always known for who it is."""


def look(
    path: Path,
    facts: ClipFacts,
    folder: Path,
    *,
    speaker: SpeakerPoint | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    make_tracker: Callable[[], Tracker] = TRACKERS["mediapipe"],
) -> Sight:
    """Follow the speaker through the take and fill the bank; whether the take is any good, others judge.

    folder: where the landmarks are written; speaker: who it is, where the user said so
    Raises UnusableInput (`no_face_there`, `not_a_video`).
    """
    with make_tracker() as tracker:
        viewer = _Viewer(path, facts, folder, tracker, on_progress)
        if speaker is not None:
            viewer.find_marked(speaker)
        # Not watched again inside an except block, which would keep all that the first look noted.
        with suppress(_BeginAnewError):
            return viewer.watch()
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

    def find_marked(self, speaker: SpeakerPoint) -> None:
        """Learn how the speaker looks who was chosen on a still."""
        rate = float(self._facts.frame_rate)
        number = min(max(0, round(speaker.at * rate)), max(0, self._facts.frames - 1))
        self._choose(Mark(number, speaker.x * self._facts.width, speaker.y * self._facts.height))

    def watch(self) -> Sight:
        """The whole take. Raises _BeginAnewError, once at most."""
        notes = _Notes()
        follower = Follower(self._tracker, identity=self._identity, frame_rate=float(self._facts.frame_rate))
        with RowWriter(self._landmarks, (len(KEPT), 3)) as writer:
            self._stream(notes, follower, writer)
            rows = writer.finish()
        track = _track(rows, notes)
        return Sight(
            track,
            notes.bank.finish(),
            np.array(notes.sharpness, dtype=np.float32),
            np.array(notes.light, dtype=np.float32),
            np.array(notes.clipped, dtype=np.float32),
            notes.appearance.finish(),
            np.frombuffer(notes.pictures, dtype=np.uint8).reshape(-1, TINY_SIDE, TINY_SIDE),
            follower.people,
            self._chosen or "only",
        )

    def _stream(self, notes: _Notes, follower: Follower, writer: RowWriter) -> None:
        skin, nothing = SkinDrift(), np.zeros((len(KEPT), 3), dtype=np.float32)
        rate = float(self._facts.frame_rate)
        patience, pause, met = round(PATIENCE_SECONDS * rate), max(1, round(SEARCH_SECONDS * rate)), False
        for number, frame in enumerate(self._reader.forward()):
            cut = notes.shots.step(frame.y)
            if cut:
                skin.restart()
            searched = met or cut or number <= patience or number % pause == 0
            found = follower.track(frame, cut=cut) if searched else None
            met = met or found is not None
            if self._chosen is None and follower.company > COMPANY_SECONDS:
                self._meet_everybody(follower)
            writer.append(nothing if found is None else found)
            notes.seen.append(found is not None)
            notes.drift.extend(skin.step(frame.y, found).tolist())
            notes.appearance.observe(frame, found)
            notes.pictures += tiny_picture(frame).tobytes()
            sharpness = 0.0 if found is None else lip_sharpness(frame, found)
            light, clipped = (0.0, 0.0) if found is None else face_light(frame, found)
            notes.sharpness.append(sharpness)
            notes.light.append(light)
            notes.clipped.append(clipped)
            if found is not None:
                notes.bank.offer(number, frame, found, sharpness)
            self._on_progress(number + 1, max(self._facts.frames, number + 1))

    def _meet_everybody(self, follower: Follower) -> None:
        """Tell the speaker. Raises _BeginAnewError when what was followed so far is not all there is of the speaker."""
        followed = follower.identity.own
        person, people = self._choose(None)
        nearest = min(people, key=lambda one: one.gallery.apart(followed), default=None)
        if person is None or (nearest is person and person.gallery.apart(followed) < STRANGER):
            for sample in followed.samples:
                self._identity.own.learn(sample)
            if follower.refused == 0:
                follower.identity = self._identity
                return
        raise _BeginAnewError

    def _choose(self, mark: Mark | None) -> tuple[Person | None, list[Person]]:
        """The speaker, None where nobody can be met, and everybody."""
        rate = float(self._facts.frame_rate)
        parts = parts_of(self._facts.frames, rate, mark)
        people = meet(self._reader, self._tracker, parts, mark)
        if not people and mark is None:
            self._chosen = "only"
            return None, []
        match = self._sound_match(parts) if mark is None and len(people) > 1 else None
        person, self._chosen = choose(people, mark, rate, match)
        self._identity = identity_of(person, people)
        return person, people

    def _sound_match(self, parts: list[tuple[int, int]]) -> SoundMatch | None:
        """Compares mouths with the take's sound; None where there is none to compare with."""
        from lipsync.sound.generic import generic_mouth  # noqa: PLC0415 - its modules import this one's results

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
