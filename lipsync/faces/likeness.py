"""Who is it: a face in a picture becomes a few numbers that tell this take's people from one another.

No network of faces is needed for that: within one take light, hair and clothes stay. The luma is read at landmarks, so
that turning the head changes little (as in shape-free textures, Craw and Cameron 1991); skin and hair add their colours.
With samples from the first half of a take, 98% of those from its second half lie within 1.0, and 99% of other people's
beyond 1.3 (28 people, 27 takes).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import cv2
import numpy as np
import numpy.typing as npt

from lipsync.faces.landmarks import NOSE, RIGID, SKIN
from lipsync.faces.tracker import FloatArray, Region, turned_square
from lipsync.media.frames import Frame

SQUARE_PIXELS = 96
# The square is this many face sizes wide, so that hair is in it.
SQUARE_REACH = 2.0
UPPER_FACE = np.unique(np.concatenate([RIGID, SKIN, NOSE]))
# Where hair is looked for: sideways and upwards of the face's centre, in face sizes.
_HAIR = np.array([(across, -up) for across in (-0.3, -0.15, 0, 0.15, 0.3) for up in (0.62, 0.75, 0.88)])
# A face with less contrast than this, in grey levels, has no texture to compare.
_LEAST_CONTRAST = 2.0

# What makes two faces as far apart as 1: so much of the textures' correlation lost; of colours so much, each to its bound, as
# light and background may change with the angle of the camera.
TEXTURE_UNIT = 0.2
SKIN_UNIT, MOST_SKIN = 6.0, 0.5
HAIR_LUMA_UNIT, MOST_HAIR_LUMA = 150.0, 0.15
HAIR_CHROMA_UNIT, MOST_HAIR_CHROMA = 30.0, 0.35

# Within the first distance it is the person beyond doubt, beyond the second more likely somebody else, beyond the third
# certainly so.
CERTAIN, STRANGER, CERTAIN_STRANGER = 0.7, 1.1, 1.6
# A sample nearer than this to one that is known teaches nothing.
SEEN_BEFORE = 0.15
MOST_SAMPLES = 12


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a face looks in one frame.

    texture: (P,) float32 luma at points of the upper face, mean 0, deviation 1
    skin: (2,) chroma; hair: (15, 3) luma less the face's, chroma
    """

    texture: FloatArray
    skin: FloatArray
    hair: FloatArray

    @classmethod
    def of(cls, frame: Frame, points: FloatArray) -> Self:
        """The likeness of the face with these landmarks, (len(KEPT), 3) px."""
        face = Region.around(points)
        planes, there = turned_square(frame, Region(face.x, face.y, face.size * SQUARE_REACH, face.angle), SQUARE_PIXELS)
        half = SQUARE_PIXELS // 2
        luma = cv2.GaussianBlur(planes[:SQUARE_PIXELS], (0, 0), 1.5)
        chroma = [cv2.GaussianBlur(plane, (0, 0), 1.0) for plane in planes[SQUARE_PIXELS:].reshape(2, half, half)]
        back = np.asarray(np.linalg.inv(there[:, :2]), dtype=np.float64)
        here = (points[UPPER_FACE, :2] - there[:, 2]) @ back.T
        hair = (SQUARE_PIXELS - 1) / 2 + _HAIR * (SQUARE_PIXELS / SQUARE_REACH)
        grey = _read(luma, here)
        return cls(
            ((grey - grey.mean()) / max(float(grey.std()), _LEAST_CONTRAST)).astype(np.float32),
            np.array([np.median(_read(plane, here / 2)) for plane in chroma], dtype=np.float32),
            np.stack([_read(luma, hair) - grey.mean(), *(_read(plane, hair / 2) for plane in chroma)], axis=1),
        )

    def distance(self, other: Likeness) -> float:
        """0: the same picture; about 1: as well the same person as another."""
        skin, hair = self.skin - other.skin, self.hair - other.hair
        texture = 1 - float(self.texture @ other.texture) / len(self.texture)
        skin_apart = float(np.sqrt((skin**2).mean()))
        luma_apart, chroma_apart = float(np.sqrt((hair[:, 0] ** 2).mean())), float(np.sqrt((hair[:, 1:] ** 2).mean()))
        return (
            texture / TEXTURE_UNIT
            + min(skin_apart / SKIN_UNIT, MOST_SKIN)
            + min(luma_apart / HAIR_LUMA_UNIT, MOST_HAIR_LUMA)
            + min(chroma_apart / HAIR_CHROMA_UNIT, MOST_HAIR_CHROMA)
        )


def _read(plane: npt.NDArray[Any], places: npt.NDArray[np.float64]) -> FloatArray:
    """(n,) values of a plane at (n, 2) places."""
    x, y = places[None].astype(np.float32).transpose(2, 0, 1)
    return np.asarray(cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0], np.float32)


@dataclass(slots=True)
class Gallery:
    """A person as seen so far: at most so many samples, as different from each other as they came."""

    samples: list[Likeness] = field(default_factory=list)
    # Of each sample to each, infinite to itself.
    _distances: list[list[float]] = field(default_factory=list)

    def distance(self, likeness: Likeness) -> float:
        """To the nearest sample; infinite where there is none."""
        return min((likeness.distance(sample) for sample in self.samples), default=np.inf)

    def learn(self, likeness: Likeness) -> None:
        """Take in another sample of this person, unless it looks like one that is there."""
        distances = [likeness.distance(sample) for sample in self.samples]
        if min(distances, default=np.inf) < SEEN_BEFORE:
            return
        for row, distance in zip(self._distances, distances, strict=True):
            row.append(distance)
        self._distances.append([*distances, np.inf])
        self.samples.append(likeness)
        if len(self.samples) > MOST_SAMPLES:
            least = int(np.argmin([min(row) for row in self._distances]))
            del self.samples[least], self._distances[least]
            for row in self._distances:
                del row[least]

    def apart(self, other: Gallery) -> float:
        """The distance between the two most similar samples of both."""
        return min((self.distance(sample) for sample in other.samples), default=np.inf)
