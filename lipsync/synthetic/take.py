"""Film the synthetic take: the order of the steps, and the files that they leave.

Leaves in a folder: take.mp4, voice.wav, truth.npz and manifest.json, which is written last and says that all is there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.errors import EnvironmentFault
from lipsync.media import ClipFacts, Frame, FrameWriter
from lipsync.media.encoding import Encoding
from lipsync.synthetic import articulation, motion, portrait, proportions, sitter, speech
from lipsync.synthetic.eyes import Eyes
from lipsync.synthetic.lips import EYE_DISTANCE, MouthShape, curves
from lipsync.synthetic.mouth import Mouth
from lipsync.synthetic.speech import Utterance, Voice

VERSION = "3"
"""Raised whenever the same call would leave other files, so that old ones are made anew."""
SIDE = 512
FRAME_RATE = Fraction(25)
SECONDS = 20.0
LABEL = "synthetic test take"
LABEL_WIDTH, LABEL_HEIGHT = 180, 32
GRAIN = 1.6
"""Standard deviation of the grain, in 8-bit levels."""
TAKE_VOICE = Voice("en-us+f2", rate=170, pitch=50)
TAKE_SENTENCES = (
    (0.40, "Hello, and welcome! This is a synthetic test take."),
    (0.50, "Nobody real is speaking here: a computer moves my mouth."),
    (0.60, "We see, we choose, we show you how far and wide it opens."),
    (0.55, "Papa bought five blue balloons, and Mama pumps them up."),
    (0.50, "Oh wow! Thank you for watching."),
)
"""Seconds of pause before a sentence, and the sentence."""
SECOND_VOICE = Voice("de+f3", rate=160, pitch=46)
SECOND_SENTENCES = (
    (0.30, "Guten Tag! Dies ist eine künstliche Stimme."),
    (0.45, "Sie spricht Deutsch, und der Mund im Bild soll ihr folgen."),
    (0.45, "Bitte prüfen Sie Ton und Bewegung."),
)
FILES = ("take.mp4", "voice.wav", "truth.npz")
MANIFEST = "manifest.json"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class SyntheticTake:
    """Where the files lie. clip: the take; voice: the new sound; truth: see `write_truth`; made: False if they were there"""

    clip: Path
    voice: Path
    truth: Path
    made: bool


def _speak(sentences: tuple[tuple[float, str], ...], voice: Voice, seconds: float | None) -> Utterance:
    spoken = [speech.say(text, voice) for _, text in sentences]
    return speech.join(spoken, [pause for pause, _ in sentences], seconds)


def write_truth(path: Path, shapes: list[MouthShape]) -> None:
    """Save what was intended, one value for each frame.

    aperture: gap between the lips, width: distance of the mouth's corners, both in distances of the outer eye corners;
    protrusion, jaw, closure: 0..1; frame_rate: frames per second
    """
    contours = [curves(shape) for shape in shapes]
    np.savez_compressed(
        path,
        aperture=np.array([contour.gap for contour in contours], np.float32) / np.float32(EYE_DISTANCE),
        width=np.array([2 * shape.half_width for shape in shapes], np.float32) / np.float32(EYE_DISTANCE),
        protrusion=np.array([shape.protrusion for shape in shapes], np.float32),
        jaw=np.array([shape.jaw for shape in shapes], np.float32),
        closure=np.array([shape.closure for shape in shapes], np.float32),
        frame_rate=np.float32(FRAME_RATE),
    )


def _label() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colours and opacity, (LABEL_HEIGHT, LABEL_WIDTH, 1) both, of the words in the lower left corner."""
    shade = np.zeros((LABEL_HEIGHT, LABEL_WIDTH), np.uint8)
    letters = shade.copy()
    where = (10, LABEL_HEIGHT - 12)
    cv2.putText(shade, LABEL, where, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255,), 3, cv2.LINE_AA)
    cv2.putText(letters, LABEL, where, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (245,), 1, cv2.LINE_AA)
    return letters.astype(np.float32)[..., None], shade.astype(np.float32)[..., None] / 255 * np.float32(0.75)


def _grain() -> NDArray[np.int16]:
    """(2 * SIDE, 2 * SIDE, 1) film grain; every frame takes another part of it."""
    raw = np.random.default_rng(9).standard_normal((2 * SIDE, 2 * SIDE)).astype(np.float32)
    field = cv2.GaussianBlur(raw, (0, 0), 0.7)
    return np.asarray(np.round(field / field.std() * GRAIN), np.int16)[..., None]


def frames(shapes: list[MouthShape]) -> Iterator[NDArray[np.uint8]]:
    """The pictures of the take, (SIDE, SIDE, 3) uint8 BGR."""
    face = portrait.paint(proportions.reshape(sitter.load()))
    mouth, eyes, camera = Mouth(face), Eyes(face), motion.Camera(SIDE)
    poses = motion.poses(np.array([shape.opening for shape in shapes]))
    lids = motion.lid_closures(len(shapes), float(FRAME_RATE))
    grain, (ink, opacity) = _grain(), _label()
    random = np.random.default_rng(7)
    for number, (shape, pose) in enumerate(zip(shapes, poses, strict=True)):
        canvas = eyes.canvas(float(lids[number]))
        mouth.render(canvas, shape)
        picture = camera.film(canvas, pose)
        left, top = (int(v) for v in random.integers(0, SIDE, 2))
        noisy = picture.astype(np.int16) + grain[top : top + SIDE, left : left + SIDE]
        corner = noisy[-LABEL_HEIGHT:, :LABEL_WIDTH]
        corner += ((ink - corner) * opacity).astype(np.int16)
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def _film(output: Path, sound: Path, shapes: list[MouthShape], progress: Progress | None) -> None:
    facts = ClipFacts(
        width=SIDE,
        height=SIDE,
        frame_rate=FRAME_RATE,
        duration=len(shapes) / float(FRAME_RATE),
        frames=len(shapes),
        codec="h264",
        has_sound=True,
        variable_rate=False,
        rotation=0,
        pixel_format="yuv420p",
        full_range=False,
        sample_aspect=Fraction(1),
        video_start=0.0,
        file_start=0.0,
        colour={"colorspace": "smpte170m", "color_primaries": "smpte170m", "color_trc": "smpte170m"},
    )
    with FrameWriter(output, facts, sound=sound, seconds=facts.duration, encoding=Encoding(18, "fast")) as writer:
        for number, picture in enumerate(frames(shapes), 1):
            planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            writer.write(Frame(np.asarray(planes, np.uint8).reshape(-1), SIDE, SIDE))
            if progress is not None:
                progress(number, len(shapes))
        writer.finish()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_current(folder: Path) -> bool:
    """Whether this version's files are there, complete and unchanged."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        return manifest["version"] == VERSION and all(manifest["sha256"][name] == _digest(folder / name) for name in FILES)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def make(folder: Path, *, progress: Progress | None = None) -> SyntheticTake:
    """Make the take in `folder`, or do nothing if it is there already.

    progress: called with frames done and frames in all. Raises EnvironmentFault (`espeak_missing`, `ffmpeg_missing`,
    `not_writable`, `no_space`).
    """
    clip, voice, truth = (folder / name for name in FILES)
    if is_current(folder):
        return SyntheticTake(clip, voice, truth, made=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=folder))
    except OSError as error:
        raise EnvironmentFault(
            "not_writable",
            f"Nothing can be written to {folder} ({error.strerror}). Choose another folder or change its permissions.",
        ) from error
    try:
        spoken = _speak(TAKE_SENTENCES, TAKE_VOICE, SECONDS)
        shapes = articulation.mouth_shapes(spoken, float(FRAME_RATE))
        speech.write_wav(scratch / "take.wav", spoken)
        speech.write_wav(scratch / voice.name, _speak(SECOND_SENTENCES, SECOND_VOICE, None))
        write_truth(scratch / truth.name, shapes)
        _film(scratch / clip.name, scratch / "take.wav", shapes, progress)
        manifest = {"version": VERSION, "sha256": {name: _digest(scratch / name) for name in FILES}}
        (scratch / MANIFEST).write_text(json.dumps(manifest, indent=1))
        for name in (*FILES, MANIFEST):
            (scratch / name).replace(folder / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return SyntheticTake(clip, voice, truth, made=True)
