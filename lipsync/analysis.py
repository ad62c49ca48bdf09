"""What is known of a take after looking and listening, kept on disk so that the next render of the clip needs neither.

An analysis is a folder of its own: landmarks and mouths as flat files, everything else as arrays, and last of all a
manifest with the digest of each file. A folder without a manifest, or one that disagrees with it, is made anew.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync import store
from lipsync.bank import Mouth, load_bank, save_bank
from lipsync.clock import Clock
from lipsync.contracts import SpeakerPoint
from lipsync.errors import UnusableInput
from lipsync.faces.landmarks import KEPT
from lipsync.faces.track import FaceTrack, IntArray
from lipsync.faces.tracker import FloatArray
from lipsync.hearing import hear
from lipsync.look import LANDMARKS_FILE, Sight, look
from lipsync.media import ClipFacts
from lipsync.mouth_space import MouthSpace, SpaceModel, build_space
from lipsync.rows import RowFile
from lipsync.shapes import Shapes
from lipsync.sound.mouth import MouthPredictor, learn, match_offset
from lipsync.sound.offset import Offset
from lipsync.version import engine_digest, file_digest

MANIFEST, ARRAYS, BANK = "manifest.json", "analysis.npz", "bank.bin"


@dataclass(frozen=True, slots=True)
class Analysis:
    """A take as the engine knows it.

    folder: where its files lie
    offset: between the clip's own sound and its picture; None where there is no sound
    sharpness, light, people, chosen: see `look.Sight`
    """

    folder: Path
    facts: ClipFacts
    space: MouthSpace
    bank: list[Mouth]
    predictor: MouthPredictor
    offset: Offset | None
    sharpness: FloatArray
    light: FloatArray
    people: int
    chosen: str

    @property
    def track(self) -> FaceTrack:
        """The followed face."""
        return self.space.track

    def __len__(self) -> int:
        return len(self.space)


@dataclass(frozen=True, slots=True)
class _Arrays:
    """The part of an analysis that is stored as arrays."""

    source: IntArray
    seen: npt.NDArray[np.bool_]
    drift: FloatArray
    shot: IntArray
    model: SpaceModel
    opening: FloatArray
    weight: FloatArray
    predictor: MouthPredictor
    offset: Offset | None
    sharpness: FloatArray
    light: FloatArray
    people: int
    chosen: str


def analysis_key(clip: Path, point: SpeakerPoint | None) -> str:
    """A name for the analysis of this content with this choice of speaker by this engine."""
    chosen = "" if point is None else f"-{point.x:.4f}-{point.y:.4f}-{point.at:.3f}"
    return f"{file_digest(clip)[:32]}-{engine_digest()}{chosen}"


def analyse(clip: Path, facts: ClipFacts, point: SpeakerPoint | None, place: Path, clock: Clock) -> None:
    """Look at a clip and listen to it, and leave the analysis in the folder `place`; nothing is left there otherwise.

    Raises UnusableInput as `look` does.
    """
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=place.parent))
    try:
        with clock.stage("look") as progress:
            sight = look(clip, facts, making, on_progress=progress)
            space = build_space(sight.track)
            save_bank(making / BANK, [mouth for mouth in sight.bank if space.weight[mouth.number] >= 1])
            sight.bank.clear()  # on disk now; what comes next needs the room
        with clock.stage("listen"):
            offset, predictor = _listen(clip, facts, space)
        _save(making, facts, sight, space, predictor, offset)
        shutil.rmtree(place, ignore_errors=True)
        making.rename(place)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def load(folder: Path, *, verified: bool) -> Analysis | None:
    """The analysis in this folder; None where there is none, or where it is damaged.

    verified: compare every file with its digest first
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        if verified and any(file_digest(folder / name) != digest for name, digest in manifest["files"].items()):
            return None
        return _restored(folder, manifest)
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _restored(folder: Path, manifest: dict[str, Any]) -> Analysis:
    arrays = store.load(folder / ARRAYS, _Arrays)
    rows = RowFile(folder / LANDMARKS_FILE, (len(KEPT), 3), len(arrays.seen))
    track = FaceTrack(rows, arrays.source, arrays.seen, arrays.drift, arrays.shot)
    model = arrays.model
    shapes = Shapes(track, model.reference, model.poses, model.leak, model.leak_mean)
    return Analysis(
        folder=folder,
        facts=ClipFacts.from_dict(manifest["facts"]),
        space=MouthSpace(track, model, shapes, arrays.opening, arrays.weight),
        bank=load_bank(folder / BANK),
        predictor=arrays.predictor,
        offset=arrays.offset,
        sharpness=arrays.sharpness,
        light=arrays.light,
        people=arrays.people,
        chosen=arrays.chosen,
    )


def _save(
    folder: Path, facts: ClipFacts, sight: Sight, space: MouthSpace, predictor: MouthPredictor, offset: Offset | None
) -> None:
    track = sight.track
    arrays = _Arrays(
        source=track.source,
        seen=track.seen,
        drift=track.drift,
        shot=track.shot,
        model=space.model,
        opening=space.opening,
        weight=space.weight,
        predictor=predictor,
        offset=offset,
        sharpness=sight.sharpness,
        light=sight.light,
        people=sight.people,
        chosen=sight.chosen,
    )
    store.save(folder / ARRAYS, arrays)
    files = {name: file_digest(folder / name) for name in (LANDMARKS_FILE, ARRAYS, BANK)}
    (folder / MANIFEST).write_text(json.dumps({"facts": facts.as_dict(), "files": files}))


def _listen(clip: Path, facts: ClipFacts, space: MouthSpace) -> tuple[Offset | None, MouthPredictor]:
    """Match the clip's own sound with its mouth, and learn from it where it has one."""
    times = facts.video_start + np.arange(len(space)) / float(facts.frame_rate)
    if facts.has_sound:
        try:
            sound = hear(clip)
        except UnusableInput:
            return None, learn(space, None, times, None)
        offset = match_offset(space, sound, times)
        return offset, learn(space, sound, times, offset)
    return None, learn(space, None, times, None)
