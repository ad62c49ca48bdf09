"""Fit what any mouth does on the GRID corpus: `python -m lipsync.training.generic_mouth FOLDER`.

FOLDER holds sentences of the GRID audiovisual corpus (Cooke, Barker, Cunningham and Shao 2006, JASA 120(5); published
under CC BY 4.0). Nothing else is fitted on, and no picture or sound of it is kept: `grid_sentences.npz` has the network's
inputs and the mouths' measures, which keep a network from forgetting other speakers while it learns one.
`generic_network.npz` is the speech network with a head for mouths, `generic_mouth.npz` the regression beside it.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync import store
from lipsync.faces.pose import DoubleArray
from lipsync.look import look
from lipsync.media import probe_clip, read_sound
from lipsync.mouth_space import build_space
from lipsync.sound import adaptation, generic
from lipsync.sound.adaptation import COMPANY, MEASURES, Lesson, fresh_head, lesson_of, taught
from lipsync.sound.features import SoundFeatures, sound_features
from lipsync.sound.generic import Generic
from lipsync.sound.network import shipped
from lipsync.sound.regression import fit_ridge
from lipsync.sound.tape import as_nodes

STRENGTH = 0.7
STEPS, SEED, HEAD_RATE, WINDOWS = 80, 7, 3e-3, 8


@dataclass(frozen=True, slots=True)
class Sentence:
    """times: (n,) seconds of the frames in which the mouth is seen; measures: (n, MEASURES) standardised"""

    clip: Path
    times: DoubleArray
    measures: DoubleArray

    def sound(self) -> SoundFeatures:
        """What is heard of it."""
        return sound_features(read_sound(self.clip))


def main(folder: Path) -> None:
    """Fit on every sentence in the folder and write the weights."""
    sentences = [_seen(clip) for clip in sorted(folder.glob("*.mpg"))]
    weights = {**shipped(), **as_nodes(fresh_head(MEASURES, np.random.default_rng(SEED)))}
    _save(weights)  # features hold its guess, so there must be one; its lessons do not ask for it
    lessons = [lesson_of(sentence.sound().x, sentence.times, sentence.measures) for sentence in sentences]
    _keep(lessons)

    def draw(random: np.random.Generator) -> list[Lesson]:
        return [lessons[number] for number in random.integers(0, len(lessons), WINDOWS)]

    _save(taught(weights, draw, MEASURES, STEPS, SEED, lambda: None, head_rate=HEAD_RATE))
    store.save(generic.WEIGHTS, _fitted(sentences))
    for path in (COMPANY, adaptation.WEIGHTS, generic.WEIGHTS):
        sys.stdout.write(f"wrote {path.name}, {path.stat().st_size} bytes\n")


def _seen(clip: Path) -> Sentence:
    facts = probe_clip(clip)
    with tempfile.TemporaryDirectory() as place:
        track = look(clip, facts, Path(place)).track
        taken = build_space(track, track.seen.astype(np.float32)).opening.astype(np.float64)
    times = facts.video_start + np.arange(len(taken)) / float(facts.frame_rate)
    sys.stdout.write(f"{clip.name}: {track.coverage:.0%} of {len(taken)} frames\n")
    return Sentence(clip, times[track.seen], ((taken - taken.mean(axis=0)) / (taken.std(axis=0) + 1e-6))[track.seen])


def _save(weights: adaptation.Weights) -> None:
    np.savez(adaptation.WEIGHTS, **{name: node.value.astype(np.float16) for name, node in weights.items()})
    adaptation.forget_shipped()


def _keep(lessons: list[Lesson]) -> None:
    """Write the lessons one behind the other, in half precision."""
    parts: dict[str, npt.NDArray[np.float16]] = {
        name: np.concatenate([getattr(lesson, name)[: 2 * len(lesson.values)] for lesson in lessons]).astype(np.float16)
        for name in ("x", "values", "closed", "known")
    }
    np.savez_compressed(COMPANY, lengths=np.array([len(lesson.values) for lesson in lessons]), **parts)


def _fitted(sentences: list[Sentence]) -> Generic:
    features = np.concatenate([sentence.sound().at(sentence.times) for sentence in sentences])
    ridge = fit_ridge(features[:, :-MEASURES], np.concatenate([sentence.measures for sentence in sentences]), STRENGTH)
    of_ridge, of_guess = ridge(features[:, :-MEASURES]).std(axis=0), features[:, -MEASURES:].std(axis=0, dtype=np.float64)
    usual = 0.5 * (of_ridge + of_guess)
    return Generic(ridge, 0.5 * usual / of_ridge, 0.5 * usual / of_guess)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
