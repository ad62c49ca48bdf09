"""Whether something hides the mouth: what the frame shows against what this speaker's own lower face looks like.

The mesh draws lips on a hand as calmly as on a mouth, so its points cannot tell. Their colours can: a few dozen places
around the mouth are looked up in every frame, a robust regression on mouth shape, head pose and light says what each of
them looks like in this take, and a frame in which many places at once look like nothing this face ever shows is covered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, label, median_filter

from lipsync.faces.landmarks import (
    APERTURE_PAIRS,
    CORNERS,
    KEPT,
    LEFT_EYE,
    LIP_OPENING,
    LIP_OUTLINE,
    NOSE,
    RIGHT_EYE,
    IndexArray,
    places,
)
from lipsync.faces.pose import DoubleArray, Poses
from lipsync.faces.tracker import FloatArray
from lipsync.media.frames import Frame, UInt8Array

BoolArray = npt.NDArray[np.bool_]

# Colours are looked up in a picture this coarse: a place is a patch of a fourteenth of the distance between the eyes.
PATCHES_PER_IOD = 14
_SKIN_AROUND = (164, 167, 393, 165, 391, 186, 410, 43, 273, 182, 406, 18, 206, 426, 216, 436, 212, 432, 202, 422, 204, 424)
_CHIN = (200, 199, 175, 208, 428)
# Skin that a hand at the mouth leaves free; it tells the light.
_LIGHT = (6, 195, 4, 50, 280, 101, 330, 9, 347, 118)


def _place_weights() -> FloatArray:
    """(places, len(KEPT)): every place as a mean of landmarks: red of the lips, between the lips, skin around, light."""
    lips = [[LIP_OUTLINE[k], LIP_OPENING[k]] for k in range(1, len(LIP_OUTLINE), 2)]
    between = [places(pair) for pair in ((13, 14), (81, 178), (311, 402))]
    single: list[IndexArray] = [places((number,)) for number in (*_SKIN_AROUND, *_CHIN, *_LIGHT)]
    groups = [*map(np.array, lips), *between, *single]
    weights = np.zeros((len(groups), len(KEPT)), dtype=np.float32)
    for row, group in enumerate(groups):
        weights[row, group] = 1 / len(group)
    return weights


_PLACES = _place_weights()
PLACES = len(_PLACES)
LIGHT_PLACES = len(_LIGHT)
MOUTH_PLACES = PLACES - LIGHT_PLACES
RED_PLACES = len(LIP_OUTLINE) // 2
LIP_PLACES = RED_PLACES + 3
ABOVE_PLACES = 7

LONGEST_PART_SECONDS = 600
FEWEST_SECONDS = 1
FEWEST_FRAMES = 24
MOST_FITTED_FRAMES = 3000
BLOCK_FRAMES = 1000
# Luma is told from black in video range; so much of it is noise.
BLACK, NOISE_LEVEL = 16, 8
# Per cent of the light on the face below which a difference means nothing.
LUMA_STEP, CHROMA_STEP = 7.0, 1.8
_SMALLEST_DEVIATION = np.array([LUMA_STEP, CHROMA_STEP, CHROMA_STEP])
# Of aperture, width (IOD), angles (10 degrees), place (IOD), log size; of the light's log level, contrast and chroma.
_LEAST_SPREAD = np.array([0.02, 0.02, 0.3, 0.3, 0.3, 0.1, 0.1, 0.03, 0.05, 0.02, 1.0, 1.0])
LARGEST_DISTANCE = 6.0
PSEUDO_FRAMES = 12.0
SURELY_CLEAR = 0.4
CONCENTRATION_STEPS = 4
# Evidence: measured on 28 takes without and 126 with something drawn over the mouth.
UNUSUAL, RARE, CLEAR = 1.45, 1.8, 1.7
WEAK, STRONG = 2.0, 2.6
PATTERN_KEPT, PATTERN_LOST = 0.55, 0.25
FULL_SECONDS = 4
SHORTEST_SECONDS = Fraction(1, 10)
SPREAD_FRAMES = 2


@dataclass(slots=True)
class Appearance:
    """Collects the colours of the places while the take streams by, `3 * PLACES` bytes a frame."""

    data: bytearray = field(default_factory=bytearray)

    def observe(self, frame: Frame, points: FloatArray | None) -> None:
        """Note one more frame; points: (len(KEPT), 3) px, None where no face is seen."""
        self.data += bytes(3 * PLACES) if points is None else _colours(frame, points).tobytes()

    def finish(self) -> UInt8Array:
        """(n, 3, PLACES) uint8: luma, blue and red difference of every place in every frame; zeros without a face."""
        return np.frombuffer(bytes(self.data), dtype=np.uint8).reshape(-1, 3, PLACES)


def _colours(frame: Frame, points: FloatArray) -> UInt8Array:
    """(3, PLACES) uint8 colours; a place outside the picture takes those of the nearest edge."""
    spots = _PLACES @ points[:, :2]
    eyes = points[RIGHT_EYE].mean(axis=0) - points[LEFT_EYE].mean(axis=0)
    step = max(2.0, float(np.linalg.norm(eyes)) / PATCHES_PER_IOD)
    # Averaged by a whole number first, which costs a quarter of averaging by a fraction; even, for the chroma planes.
    whole = 2 * max(1, round(step / 4))
    limit = np.array([frame.width, frame.height]) // whole * whole
    low = np.clip(np.floor((spots.min(axis=0) - 2 * step) / whole) * whole, 0, limit - 2 * whole).astype(int)
    high = np.clip(np.ceil((spots.max(axis=0) + 2 * step) / whole) * whole, low + 2 * whole, limit).astype(int)
    size = np.maximum(2, np.round((high - low) / step)).astype(int)
    scale = (size / (high - low)).astype(np.float32)
    where = (spots - low.astype(np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    found = np.empty((3, PLACES), dtype=np.uint8)
    for row, (plane, factor) in enumerate(((frame.y, 1), (frame.u, 2), (frame.v, 2))):
        crop = plane[low[1] // factor : high[1] // factor, low[0] // factor : high[0] // factor]
        half = cv2.resize(crop, ((high - low) // whole).tolist(), interpolation=cv2.INTER_AREA)
        coarse = cv2.resize(half, size.tolist(), interpolation=cv2.INTER_AREA)
        found[row] = cv2.remap(coarse, where[:, 0], where[:, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    return found


def posture(points: FloatArray, poses: Poses) -> FloatArray:
    """(n, 8) what the look of a face depends on: aperture, width, three angles, place in the picture, size.

    points: (n, len(KEPT), 3) px; poses: of the same frames. May be called block by block.
    """
    upper, lower = APERTURE_PAIRS
    aperture = np.linalg.norm(points[:, upper] - points[:, lower], axis=2).mean(axis=1) / poses.scale
    width = np.linalg.norm(points[:, CORNERS[0]] - points[:, CORNERS[1]], axis=1) / poses.scale
    place = points[:, NOSE, :2].mean(axis=1) / poses.scale[:, None]
    columns = [aperture[:, None], width[:, None], poses.angles / 10, place, np.log(poses.scale)[:, None]]
    return np.asarray(np.concatenate(columns, axis=1), dtype=np.float32)


def covered_frames(
    colours: UInt8Array, stance: FloatArray, judged: BoolArray, shot: npt.NDArray[np.intp], frame_rate: Fraction
) -> BoolArray:
    """(n,) where something hides the mouth or part of it.

    colours: (n, 3, PLACES) from `Appearance`; stance: (n, 8) from `posture`
    judged: (n,) frames with a face that is not turned away; shot: (n,) number of the shot of each frame
    At most half of a shot may be covered; shots under a second are not judged.
    """
    found = np.zeros(len(colours), dtype=bool)
    most = round(LONGEST_PART_SECONDS * frame_rate)
    for start, end in _parts(shot, most):
        part = slice(start, end)
        if judged[part].sum() >= max(FEWEST_FRAMES, FEWEST_SECONDS * frame_rate):
            evidence = np.where(judged[part], _evidence(colours[part], stance[part], judged[part]), 0)
            found[part] = _lasting(evidence, frame_rate)
    return found


def _parts(shot: npt.NDArray[np.intp], most: int) -> list[tuple[int, int]]:
    """The shots, long ones in pieces: light and hair change over an hour."""
    edges = [0, *(np.flatnonzero(np.diff(shot)) + 1).tolist(), len(shot)]
    parts: list[tuple[int, int]] = []
    for start, end in pairwise(edges):
        pieces = max(1, -(-(end - start) // most))
        borders = np.linspace(start, end, pieces + 1).astype(int).tolist()
        parts += pairwise(borders)
    return parts


def _lasting(evidence: DoubleArray, frame_rate: Fraction) -> BoolArray:
    """Where evidence is strong, and around it while it is not weak; neither single frames nor a first touch count."""
    steady = median_filter(evidence, 3, mode="nearest")
    # A few seconds do not show all that a face does, so that more is needed to call something foreign to it.
    strong = STRONG * (1 + max(0.0, 1 - len(evidence) / float(frame_rate) / FULL_SECONDS) / 2)
    labels, count = label(steady >= WEAK)
    found = np.zeros(len(evidence), dtype=bool)
    for number in range(1, count + 1):
        run = labels == number
        if (steady[run] >= strong).sum() >= max(2, SHORTEST_SECONDS * frame_rate):
            found |= run
    return binary_dilation(found, iterations=SPREAD_FRAMES) if found.any() else found


def _features(colours: UInt8Array) -> tuple[FloatArray, FloatArray]:
    """(n, MOUTH_PLACES, 3) colours relative to the light on the upper face, in per cent of it, and (n, 4) that light.

    The light: log level, contrast, and both chroma differences: what a lamp, the camera's exposure and its white balance do.
    """
    values = colours.astype(np.float32)
    luma = np.maximum(values[:, 0] - BLACK, 1) + NOISE_LEVEL
    light = np.maximum(np.median(luma[:, MOUTH_PLACES:], axis=1), 2 * NOISE_LEVEL)[:, None]
    planes = [100 * luma[:, :MOUTH_PLACES] / light]
    lights = [np.log(light), luma[:, MOUTH_PLACES:].std(axis=1, keepdims=True) / light]
    for plane in (1, 2):
        chroma = 100 * (values[:, plane] - 128) / light
        tint = np.median(chroma[:, MOUTH_PLACES:], axis=1, keepdims=True)
        planes.append(chroma[:, :MOUTH_PLACES] - tint)
        lights.append(tint)
    return np.stack(planes, axis=2), np.concatenate(lights, axis=1)


@dataclass(frozen=True, slots=True)
class _Look:
    """What the places look like in this take.

    centre, spread: (k,) of the terms' variables; weights: (terms, MOUTH_PLACES * 3); deviation: (MOUTH_PLACES, 3)
    """

    centre: DoubleArray
    spread: DoubleArray
    weights: DoubleArray
    deviation: DoubleArray

    def evidence(self, features: FloatArray, variables: FloatArray) -> DoubleArray:
        """(n,) how unlike this face: about 0.5 is usual, 2 rare, from 2.6 on something is in the way.

        Two signs: how far the strangest half of the places lies from what they should look like, and, if that is far at
        all, how much of the pattern of lips on skin is left. A grimace keeps the pattern, a hand has none.
        """
        wanted = (_terms(variables, self.centre, self.spread) @ self.weights).reshape(features.shape)
        strangeness = _strangeness(features - wanted, self.deviation)
        lips = np.s_[:, :LIP_PLACES]
        seen_pattern = ((features - np.median(features[:, LIP_PLACES:], axis=1, keepdims=True)) / self.deviation)[lips]
        usual_pattern = ((wanted - np.median(wanted[:, LIP_PLACES:], axis=1, keepdims=True)) / self.deviation)[lips]
        left = (seen_pattern * usual_pattern).sum(axis=(1, 2)) / ((usual_pattern**2).sum(axis=(1, 2)) + 1e-6)
        lost = np.clip((PATTERN_KEPT - left) / (PATTERN_KEPT - PATTERN_LOST), 0, 1)
        far = np.clip((strangeness - UNUSUAL) / (RARE - UNUSUAL), 0, 1)
        return np.asarray(strangeness + 2 * lost * far)


def _evidence(colours: UInt8Array, stance: FloatArray, judged: BoolArray) -> DoubleArray:
    """(n,) evidence of cover, from a robust fit on the part itself."""
    numbers = np.flatnonzero(judged)
    some = numbers[np.linspace(0, len(numbers) - 1, min(len(numbers), MOST_FITTED_FRAMES)).astype(np.intp)]
    features, light = _features(colours[some])
    look = _fit(features, np.column_stack([stance[some], light]))
    found = np.zeros(len(colours))
    for start in range(0, len(colours), BLOCK_FRAMES):
        part = slice(start, start + BLOCK_FRAMES)
        features, light = _features(colours[part])
        found[part] = look.evidence(features, np.column_stack([stance[part], light]))
    return found


def _fit(features: FloatArray, variables: FloatArray) -> _Look:
    """Least trimmed squares by concentration steps (Rousseeuw and Van Driessen 2006), begun where lips are lips.

    Lips are redder and darker than the skin above them in every face; whatever hides them is so rarely, and the part of
    the frames in which the lips stand out most is a start that a still hand, more alike from frame to frame than any
    talking mouth, cannot take over.
    """
    above = np.s_[:, LIP_PLACES : LIP_PLACES + ABOVE_PLACES]
    skin, red = features[above].mean(axis=1), features[:, :RED_PLACES].mean(axis=1)
    contrast = (red[:, 2] - skin[:, 2]) / CHROMA_STEP + (skin[:, 0] - red[:, 0]) / LUMA_STEP
    core = contrast >= np.quantile(contrast, 1 - SURELY_CLEAR)
    middle = np.median(features[core], axis=0)
    deviation = np.maximum(1.4826 * np.median(np.abs(features[core] - middle), axis=0), _SMALLEST_DEVIATION)
    unlike = _strangeness(features - middle, deviation)
    chosen = unlike <= np.quantile(unlike, SURELY_CLEAR)
    for step in range(2 * CONCENTRATION_STEPS):
        look = _regress(features, variables, chosen)
        unlike = look.evidence(features, variables)
        limit = float(np.quantile(unlike, SURELY_CLEAR))
        chosen = unlike <= (limit if step < CONCENTRATION_STEPS else max(CLEAR, limit))
    return _regress(features, variables, chosen)


def _regress(features: FloatArray, variables: FloatArray, chosen: BoolArray) -> _Look:
    centre = np.median(variables[chosen], axis=0)
    spread = 1.4826 * np.median(np.abs(variables[chosen] - centre), axis=0) + _LEAST_SPREAD
    terms = _terms(variables[chosen], centre, spread)
    penalty = np.diag([1e-6] + [PSEUDO_FRAMES] * (terms.shape[1] - 1))
    flat = features[chosen].reshape(len(terms), -1)
    weights = np.linalg.solve(terms.T @ terms + penalty, terms.T @ flat)
    left = np.abs(flat - terms @ weights).reshape(-1, MOUTH_PLACES, 3)
    deviation = np.maximum(1.4826 * np.median(left, axis=0), np.percentile(left, 95, axis=0) / 2.2)
    return _Look(centre, spread, weights, np.maximum(deviation, _SMALLEST_DEVIATION))


def _terms(variables: FloatArray, centre: DoubleArray, spread: DoubleArray) -> DoubleArray:
    """(n, terms): bounded, because a mesh on a hand may claim anything."""
    z = np.clip((variables - centre) / spread, -3, 3)
    aperture, width, yaw, pitch = z[:, 0], z[:, 1], z[:, 2], z[:, 3]
    return np.column_stack([np.ones(len(z)), z, aperture**2, yaw**2, pitch**2, aperture * width])


def _strangeness(difference: npt.NDArray[np.floating[Any]], deviation: DoubleArray) -> DoubleArray:
    """(n,) mean distance of the strangest half of the places, in deviations, each at most `LARGEST_DISTANCE`."""
    distance = np.sqrt(((difference / deviation) ** 2).sum(axis=2) / 2)
    half = np.sort(np.minimum(distance, LARGEST_DISTANCE), axis=1)[:, MOUTH_PLACES // 2 :]
    return np.asarray(half.mean(axis=1))
