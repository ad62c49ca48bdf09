"""The mean face mesh on the GRID corpus: `python -m lipsync.training.mean_face FOLDER`.

FOLDER holds sentences of the GRID audiovisual corpus (Cooke, Barker, Cunningham and Shao 2006; CC BY 4.0). The result,
`lipsync/weights/mean_face.npz`, is what trackers that find fewer landmarks lift them to, see `lipsync.faces.fan`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from lipsync.faces.landmarks import KEPT, RIGID
from lipsync.faces.mediapipe import MESH_REACH, MESH_SIDE_PIXELS, MediapipeTracker
from lipsync.faces.pose import DoubleArray, fit_similarity, rigid_reference
from lipsync.faces.tracker import Region, turned_square
from lipsync.media import FrameReader, probe_clip
from lipsync.weights import HOME

EVERY = 5
ROUNDS = 5


def main(folder: Path) -> None:
    """Average every sentence in the folder and write the mesh."""
    faces = np.concatenate([_meshes(path) for path in sorted(folder.glob("*.mp4")) + sorted(folder.glob("*.mpg"))])
    rigid = np.array(KEPT)[RIGID]
    mean = faces[0] - faces[0].mean(axis=0)
    for _ in range(ROUNDS):
        mean = fit_similarity(mean[rigid], faces[:, rigid]).to_own(faces).mean(axis=0)
    upright = rigid_reference(mean[None, np.array(KEPT)])
    mean = fit_similarity(upright, mean[None, rigid]).to_own(mean[None])[0]
    np.savez_compressed(HOME / "mean_face.npz", points=mean.astype(np.float32))
    sys.stdout.write(f"{len(faces)} faces\n")


def _meshes(path: Path) -> DoubleArray:
    """(n, points, 3) px of every few frames of a clip."""
    found = []
    with MediapipeTracker() as tracker:
        for number, frame in enumerate(FrameReader(path, probe_clip(path)).forward()):
            points = tracker.largest(frame) if number % EVERY == 0 else None
            if points is not None:
                here = Region.around(points)
                planes, _ = turned_square(frame, Region(here.x, here.y, here.size * MESH_REACH, here.angle), MESH_SIDE_PIXELS)
                found.append(tracker.mesh(planes))
    return np.array([mesh for mesh in found if mesh is not None], dtype=np.float64)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
