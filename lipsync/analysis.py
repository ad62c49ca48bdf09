"""What is known of a take after looking and listening, and how it is kept on disk.

An analysis is a folder of its own: landmarks and mouths as flat files, everything else as arrays, and last of all a
manifest with the digest of each file. A folder without a manifest, or one that disagrees with it, is made anew.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync import store
from lipsync.bank import Mouth, load_bank, save_bank, usable_mouths
from lipsync.clock import Clock, Progress
from lipsync.contracts import SpeakerPoint
from lipsync.errors import UnusableInput
from lipsync.faces import TRACKERS, USUAL
from lipsync.faces.landmarks import KEPT
from lipsync.faces.track import FaceTrack, IntArray
from lipsync.faces.tracker import FloatArray
from lipsync.gate import REASONS, Gap, Gate, open_gate
from lipsync.hearing import hear
from lipsync.keeping import MANIFEST, making_folder, name_for
from lipsync.look import LANDMARKS_FILE, Sight, look
from lipsync.machine import writing_to
from lipsync.media import ClipFacts
from lipsync.media.facts import even_size
from lipsync.memory import give_back
from lipsync.mouth_space import MouthSpace, SpaceModel, build_space
from lipsync.open_mouth import hardly_moves, with_any_follow
from lipsync.rows import RowFile
from lipsync.shapes import Shapes
from lipsync.sound.features import SoundFeatures
from lipsync.sound.mouth import MouthPredictor, learn, match_offset
from lipsync.sound.offset import Offset
from lipsync.sound.own import TaughtSound
from lipsync.version import file_digest

ARRAYS, BANK, TAUGHT = "analysis.npz", "bank.bin", "taught.npz"
FEWEST_FRAMES = 12


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen and heard of a take beyond the track; arrays have one value per frame.

    centre: (n, 2) px, a fixed point of the head; angles: (n, 3) yaw, pitch, roll in degrees; iod: (n,) px
    opening: see `MouthSpace`; all these are not numbers where too little of a face was seen to tell
    sharpness, light, clipped, pictures, people, chosen: see `look.Sight`
    sound: the clip's own, `heard`, `silent` or `none`; offset: between it and the picture, where it could be told
    learnt: whether the mouth's habits were learnt from it
    """

    centre: FloatArray
    angles: FloatArray
    iod: FloatArray
    opening: FloatArray
    sharpness: FloatArray
    light: FloatArray
    clipped: FloatArray
    pictures: npt.NDArray[np.uint8]
    people: int
    chosen: str
    sound: str
    offset: Offset | None
    learnt: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a take, for judging it. track: the followed face; gate: where the mouth may be changed"""

    facts: ClipFacts
    track: FaceTrack
    gate: Gate
    observed: Observed

    def __len__(self) -> int:
        return len(self.track)


@dataclass(frozen=True, slots=True)
class Analysis:
    """A take as the engine knows it. folder: where its files lie"""

    folder: Path
    survey: Survey
    space: MouthSpace
    bank: list[Mouth]
    predictor: MouthPredictor

    @property
    def facts(self) -> ClipFacts:
        """The clip's."""
        return self.survey.facts

    def __len__(self) -> int:
        return len(self.space)


@dataclass(frozen=True, slots=True)
class _Arrays:
    """The part of an analysis that is stored as arrays.

    source, seen, drift, shot: see `FaceTrack`; strength: see `Gate`
    gaps: (k, 3) first frame, last frame, place of the reason in `REASONS`
    model, predictor: None where there is too little to learn from
    """

    source: IntArray
    seen: npt.NDArray[np.bool_]
    drift: FloatArray
    shot: IntArray
    strength: FloatArray
    gaps: npt.NDArray[np.int64]
    observed: Observed
    model: SpaceModel | None
    predictor: MouthPredictor | None


def analysis_key(clip: Path, point: SpeakerPoint | None, tracker: str = USUAL) -> str:
    """A name for the analysis of this content with this choice of speaker by this engine and tracker."""
    chosen = [] if point is None else [f"{point.x:.4f}-{point.y:.4f}-{point.at:.3f}"]
    return name_for(file_digest(clip), "-".join(chosen + ([] if tracker == USUAL else [tracker])))


def analyse(clip: Path, facts: ClipFacts, point: SpeakerPoint | None, place: Path, clock: Clock, tracker: str = USUAL) -> None:
    """Look at a clip and listen to it, and leave the analysis in the folder `place`; nothing is left there otherwise.

    tracker: one of `faces.TRACKERS`

    Raises UnusableInput as `look` does, EnvironmentFault (`not_writable`, `no_space`).
    """
    with writing_to(place.parent):
        making = making_folder(place)
    try:
        with clock.stage("look") as progress:
            sight, gate, space = _seen(clip, facts, point, making, progress, tracker)
        give_back()
        with clock.stage("listen"):
            kind, predictor, offset = _heard(clip, facts, space)
        give_back()
        observed = _observed(sight, space, kind, offset, predictor)
        with writing_to(place.parent):
            _save(making, facts, _arrays(sight.track, gate, observed, space, predictor))
            shutil.rmtree(place, ignore_errors=True)
            making.rename(place)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def load(folder: Path, *, verified: bool) -> Analysis | Survey | None:
    """The analysis in this folder; a survey where there was too little to learn from; None where there is none.

    verified: compare every file with its digest first, and give None where one is damaged
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        if verified and any(file_digest(folder / name) != digest for name, digest in manifest["files"].items()):
            return None
        return _restored(folder, ClipFacts.from_dict(manifest["facts"]), store.load(folder / ARRAYS, _Arrays))
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _seen(
    clip: Path, facts: ClipFacts, point: SpeakerPoint | None, folder: Path, progress: Progress, tracker: str
) -> tuple[Sight, Gate, MouthSpace | None]:
    """Look at the take; its bank and its landmarks are left in `folder`. No space where too little of a face was seen."""
    sight = look(clip, facts, folder, speaker=point, on_progress=progress, make_tracker=TRACKERS[tracker])
    width, height = even_size(facts)
    gate = open_gate(sight.track, sight.colours, width=width, height=height, frame_rate=facts.frame_rate)
    with writing_to(folder.parent):
        save_bank(folder / BANK, usable_mouths(sight.bank, gate.strength))
    # What is on disk or decided by now is let go: what comes next needs the room.
    sight = replace(sight, bank=[], colours=sight.colours[:0].copy())
    space = build_space(sight.track, gate.strength) if sight.track.seen.sum() >= FEWEST_FRAMES else None
    if space is not None and hardly_moves(space):
        space = with_any_follow(space)
    return sight, gate, space


def _heard(clip: Path, facts: ClipFacts, space: MouthSpace | None) -> tuple[str, MouthPredictor | None, Offset | None]:
    """Listen to the take's own sound, match it with the mouth, and learn from it where it is that mouth's."""
    kind, sound = _own_sound(clip, facts)
    if space is None or len(space.usable()) < FEWEST_FRAMES:
        return kind, None, None
    times = facts.video_start + np.arange(len(space)) / float(facts.frame_rate)
    offset = None if sound is None else match_offset(space, sound, times)
    return kind, learn(space, sound, times, offset), offset


def _own_sound(clip: Path, facts: ClipFacts) -> tuple[str, SoundFeatures | None]:
    if not facts.has_sound:
        return "none", None
    try:
        return "heard", hear(clip)
    except UnusableInput as error:
        return ("silent" if error.code == "silent_sound" else "none"), None


def _observed(
    sight: Sight, space: MouthSpace | None, sound: str, offset: Offset | None, predictor: MouthPredictor | None
) -> Observed:
    unknown = np.full((len(sight.track), 3), np.nan, dtype=np.float32)
    return Observed(
        centre=unknown[:, :2] if space is None else space.poses.translation[:, :2].astype(np.float32),
        angles=unknown if space is None else space.poses.angles.astype(np.float32),
        iod=unknown[:, 0] if space is None else space.poses.scale.astype(np.float32),
        opening=unknown if space is None else space.opening,
        sharpness=sight.sharpness,
        light=sight.light,
        clipped=sight.clipped,
        pictures=sight.pictures,
        people=sight.people,
        chosen=sight.chosen,
        sound=sound,
        offset=offset,
        learnt=predictor is not None and predictor.own is not None,
    )


def _arrays(
    track: FaceTrack, gate: Gate, observed: Observed, space: MouthSpace | None, predictor: MouthPredictor | None
) -> _Arrays:
    gaps = np.array([(gap.first, gap.last, REASONS.index(gap.reason)) for gap in gate.gaps], dtype=np.int64).reshape(-1, 3)
    model = None if space is None else space.model
    return _Arrays(track.source, track.seen, track.drift, track.shot, gate.strength, gaps, observed, model, predictor)


def _save(folder: Path, facts: ClipFacts, arrays: _Arrays) -> None:
    store.save(folder / ARRAYS, arrays)
    files = {name: file_digest(folder / name) for name in (LANDMARKS_FILE, ARRAYS, BANK)}
    (folder / MANIFEST).write_text(json.dumps({"facts": facts.as_dict(), "files": files}))


def _restored(folder: Path, facts: ClipFacts, stored: _Arrays) -> Analysis | Survey:
    rows = RowFile(folder / LANDMARKS_FILE, (len(KEPT), 3), len(stored.seen))
    track = FaceTrack(rows, stored.source, stored.seen, stored.drift, stored.shot)
    gaps = tuple(Gap(first, last, REASONS[reason]) for first, last, reason in stored.gaps.tolist())
    survey = Survey(facts, track, Gate(stored.strength, gaps), stored.observed)
    model = stored.model
    if model is None or stored.predictor is None:
        return survey
    shapes = Shapes(track, model.reference, model.poses, model.leak, model.leak_mean)
    space = MouthSpace(track, model, shapes, stored.observed.opening, stored.strength)
    predictor = replace(stored.predictor, taught=_taught(folder / TAUGHT))
    return Analysis(folder, survey, space, load_bank(folder / BANK), predictor)


def _taught(path: Path) -> TaughtSound | None:
    """What the network was taught of the take since; a file that cannot be read counts for nothing."""
    try:
        return store.load(path, TaughtSound)
    except (OSError, ValueError):
        return None
