"""Fit how any mouth opens on the GRID corpus: `python -m lipsync.training.any_mouth FOLDER`.

FOLDER holds sentences of the GRID audiovisual corpus (Cooke, Barker, Cunningham and Shao 2006, JASA 120(5); published
under CC BY 4.0). Landmarks alone are taken from them, no picture. The result is `lipsync/weights/any_mouth.npz`, for
takes whose speaker never opens the mouth; see `lipsync.open_mouth`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lipsync.faces.landmarks import LIPS, LOWER_FACE_NOT_LIPS, NOSE
from lipsync.faces.pose import DoubleArray
from lipsync.look import look
from lipsync.media import probe_clip
from lipsync.mouth_space import LIP_COMPONENTS, build_space, rest_lips
from lipsync.open_mouth import QUANTILES, WEIGHTS, opening_terms
from lipsync.shapes import apertures, widths

RIDGE = 1e-4
FOLLOW_RIDGE = 0.02


def main(folder: Path) -> None:
    """Fit on every sentence in the folder and write the weights."""
    changes, openings, ranges = [], [], []
    for clip in sorted(folder.glob("*.mpg")):
        with tempfile.TemporaryDirectory() as place:
            track = look(clip, probe_clip(clip), Path(place)).track
            space = build_space(track, track.seen.astype(np.float32))
            shapes, rest = space.shapes[np.flatnonzero(track.seen)].astype(np.float64), rest_lips(space)
        opening = np.stack([apertures(shapes), widths(shapes)], axis=1)
        near_rest = np.argsort(np.linalg.norm(shapes[:, LIPS] - rest, axis=(1, 2)))[: len(shapes) // 10]
        change, opening = shapes - shapes[near_rest].mean(axis=0), opening - opening[near_rest].mean(axis=0)
        mirrored = change[:, _mirror(shapes.mean(axis=0))] * np.array([-1.0, 1.0, 1.0])
        changes.append((change + mirrored) / 2)
        openings.append(opening)
        ranges.append(np.quantile(opening, QUANTILES, axis=0))
        sys.stdout.write(f"{clip.name}: {len(shapes)} frames, opens by {opening[:, 0].max():.2f} IOD\n")
    change, terms = np.concatenate(changes), opening_terms(np.concatenate(openings))
    lips = change[:, LIPS].reshape(len(change), -1)
    mean = np.linalg.solve(terms.T @ terms + RIDGE * len(terms) * np.eye(terms.shape[1]), terms.T @ lips)
    components, follow = _follow(change)
    np.savez(
        WEIGHTS,
        mean=mean.astype(np.float32),
        components=components.astype(np.float32),
        follow=follow.astype(np.float32),
        range=np.mean(ranges, axis=0).astype(np.float32),
    )
    sys.stdout.write(f"wrote {WEIGHTS.name}, {WEIGHTS.stat().st_size} bytes\n")


def _mirror(shape: DoubleArray) -> npt.NDArray[np.intp]:
    """For every point of a face, (P, 3) own frame, the one on the other side."""
    centred = shape - [shape[NOSE, 0].mean(), 0, 0]
    distance = np.linalg.norm(centred[:, None] - centred[None] * np.array([-1.0, 1.0, 1.0]), axis=2)
    return np.asarray(distance.argmin(axis=1))


def _follow(change: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Components of the lips, and how the rest of the lower face moves with them, as in a speaker's own mouth space."""
    flat = change[:, LIPS, :2].reshape(len(change), -1)
    values, vectors = np.linalg.eigh(flat.T @ flat / len(flat) + 1e-9 * np.eye(flat.shape[1]))
    largest = np.argsort(values)[::-1][:LIP_COMPONENTS]
    components = (vectors[:, largest] / np.sqrt(values[largest])).T
    coordinates = flat @ components.T
    rest = change[:, LOWER_FACE_NOT_LIPS].reshape(len(change), -1)
    ridge = coordinates.T @ coordinates + FOLLOW_RIDGE * len(coordinates) * np.eye(LIP_COMPONENTS)
    return components, np.linalg.solve(ridge, coordinates.T @ rest)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
