"""Which points of the face are used, and where they stand in the arrays.

Numbers are those of the MediaPipe Face Mesh topology (478 points, Kartynnik et al. 2019, "Real-time Facial Surface
Geometry from Monocular Video on Mobile GPUs"). Only the points named here are kept per frame, in the order of `KEPT`;
every other constant holds positions in `KEPT`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

IndexArray = npt.NDArray[np.intp]

_LIP_OUTLINE = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
_LIP_OPENING = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
_LIP_SURROUND = (164, 167, 165, 92, 186, 57, 43, 106, 182, 83, 18, 313, 406, 335, 273, 287, 410, 322, 391, 393)
_MOUTH_RING = (2, 98, 203, 206, 216, 212, 202, 204, 194, 201, 200, 421, 418, 424, 422, 432, 436, 426, 423, 327)
_JAW = (132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361)
_CHIN = (199, 175, 208, 428, 32, 262, 211, 431, 170, 395, 140, 369)
_CHEEKS = (205, 425, 207, 427, 187, 411, 50, 280, 192, 416, 214, 434, 135, 364, 36, 266)
_NOSE = (1, 4, 5, 195, 197, 6, 48, 278, 64, 294, 49, 279)
# Bone without brows or eyelids: forehead, upper outline of the face, eye corners, bridge of the nose.
_RIGID = (10, 151, 9, 8, 168, 6, 197, 195, 5, 33, 133, 362, 263, 127, 356, 234, 454, 109, 338, 67, 297, 103, 332, 54, 284)
_RIGID_SIDES = (21, 251, 162, 389, 193, 417, 122, 351, 245, 465, 188, 412)
# Skin that shows texture to follow: nose and upper cheeks.
_SKIN = (2, 98, 327, 4, 5, 195, 197, 6, 168, 48, 278, 64, 294, 36, 266, 205, 425, 50, 280, 101, 330, 118, 347, 117, 346)
_SKIN_SIDES = (123, 352, 100, 329, 142, 371, 203, 423, 129, 358)

_LOWER_FACE = (*_LIP_SURROUND, *_MOUTH_RING, *_JAW, *_CHIN, *_CHEEKS)
_UPPER_FACE = (*_NOSE, *_RIGID, *_RIGID_SIDES, *_SKIN, *_SKIN_SIDES)

KEPT: tuple[int, ...] = tuple(sorted({*_LIP_OUTLINE, *_LIP_OPENING, *_LOWER_FACE, *_UPPER_FACE}))
_PLACE = {number: place for place, number in enumerate(KEPT)}


def places(numbers: Iterable[int]) -> IndexArray:
    """Positions in `KEPT` of points given by their mesh numbers."""
    return np.array([_PLACE[number] for number in numbers], dtype=np.intp)


LIP_OUTLINE = places(_LIP_OUTLINE)
LIP_OPENING = places(_LIP_OPENING)
LIPS = places((*_LIP_OUTLINE, *_LIP_OPENING))
LIP_SURROUND = places(_LIP_SURROUND)
MOUTH_RING = places(_MOUTH_RING)
JAW = places(_JAW)
CHIN = places(_CHIN)
CHEEKS = places(_CHEEKS)
NOSE = places(_NOSE)
RIGID = places((*_RIGID, *_RIGID_SIDES))
SKIN = places((*_SKIN, *_SKIN_SIDES))
NOT_LIPS = np.setdiff1d(np.arange(len(KEPT)), LIPS)
LOWER_FACE_NOT_LIPS = places(sorted({*_LOWER_FACE} - {*_LIP_OUTLINE, *_LIP_OPENING}))

# Pairs of points across the opening of the lips, upper and lower.
APERTURE_PAIRS = (places((13, 82, 312, 81, 311)), places((14, 87, 317, 178, 402)))
CORNERS = places((61, 291))
CHIN_TIP = places((152, 148, 377))
BRIDGE = places((168, 6, 197))
RIGHT_EYE = places((33, 133))
LEFT_EYE = places((362, 263))
FOREHEAD_TO_NOSE = places((151, 5))
EYE_CORNERS = places((33, 263))
