"""Fit the generic sound-to-mouth map on the GRID corpus: `python -m lipsync.training.generic_mouth FOLDER`.

FOLDER holds sentences of the GRID audiovisual corpus (Cooke, Barker, Cunningham and Shao 2006, JASA 120(5); published
under CC BY 4.0). Nothing else is trained on. The result is `lipsync/weights/generic_mouth.npz`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from lipsync.look import look
from lipsync.media import probe_clip, read_sound
from lipsync.mouth_space import build_space
from lipsync.sound.features import sound_features
from lipsync.sound.mouth import WEIGHTS
from lipsync.sound.regression import fit_ridge

STRENGTH = 0.7


def main(folder: Path) -> None:
    """Fit on every sentence in the folder and write the weights."""
    features, targets = [], []
    for clip in sorted(folder.glob("*.mpg")):
        facts = probe_clip(clip)
        with tempfile.TemporaryDirectory() as place:
            track = look(clip, facts, Path(place)).track
            taken = build_space(track, track.seen.astype(np.float32)).opening.astype(np.float64)
        times = facts.video_start + np.arange(len(taken)) / float(facts.frame_rate)
        features.append(sound_features(read_sound(clip)).at(times)[track.seen])
        targets.append(((taken - taken.mean(axis=0)) / (taken.std(axis=0) + 1e-6))[track.seen])
        sys.stdout.write(f"{clip.name}: {track.coverage:.0%} of {len(taken)} frames\n")
    ridge = fit_ridge(np.concatenate(features), np.concatenate(targets), STRENGTH)
    WEIGHTS.parent.mkdir(exist_ok=True)
    ridge.save(WEIGHTS)
    sys.stdout.write(f"wrote {WEIGHTS.name}, {WEIGHTS.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
