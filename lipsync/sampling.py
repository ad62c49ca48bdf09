"""What is looked at of a video while it is painted: a few frames a second, as they are before they are encoded.

Which frames these are follows from the plan alone, and what is noted of one from it and the frame before it, so a segment's
samples are the same alone and in sequence. They lie beside the segment. Without them nothing is known of its seconds, no more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from lipsync import store
from lipsync.analysis import Analysis
from lipsync.bank import lip_sharpness
from lipsync.faces.landmarks import LIP_OUTLINE
from lipsync.faces.mediapipe import MESH_REACH, MESH_SIDE_PIXELS
from lipsync.faces.tracker import FloatArray, PixelArray, Region, turned_square
from lipsync.media import Frame
from lipsync.mouth_space import MouthSpace
from lipsync.painting import FrameSource
from lipsync.plan import Plan, WantedLips
from lipsync.shapes import apertures_of_lips, widths_of_lips

PER_SECOND, FEWEST, MOST = 3, 50, 1200
PAINTED_FROM = 0.5
# Lips are compared with those of the frame before at this size, in a box that has room for a mouth opened wide.
WIDTH, HEIGHT = 96, 64
BESIDE_IOD, BELOW_IOD = 0.1, 0.3
FEWEST_PIXELS = 8
NOISE_SIGMA_PIXELS = 1.0


@dataclass(frozen=True, slots=True)
class Samples:
    """What was noted of m frames.

    numbers: (m,) of the video
    faces: (m, MESH_SIDE_PIXELS * 3 / 2, MESH_SIDE_PIXELS) uint8, as `MediapipeTracker.mesh` wants them
    aperture, width: (m,) IOD, what the mouth was asked to be
    sharpness: (m,) see `lip_sharpness`
    change, own_change: (m,) how much the lips changed since the frame before beyond their movement, grey levels, in the
        video and in the take's frames underneath; not a number where that is not known
    """

    numbers: npt.NDArray[np.int64]
    faces: PixelArray
    aperture: FloatArray
    width: FloatArray
    sharpness: FloatArray
    change: FloatArray
    own_change: FloatArray

    def save(self, path: Path) -> None:
        """Write them, unless the disk refuses: they are not worth a render."""
        part = path.with_suffix(f"{path.suffix}.part")
        with contextlib.suppress(OSError):
            store.save(part, self)
            part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Samples | None:
        """What `save` wrote; None where that is missing or damaged."""
        try:
            found = store.load(path, cls)
        except (OSError, ValueError):
            return None
        return found if len({len(getattr(found, field.name)) for field in fields(cls)}) == 1 else None


def sampled(plan: Plan, frame_rate: Fraction) -> npt.NDArray[np.bool_]:
    """(T,) which frames of a video are looked at: evenly spread, of those whose mouth is painted."""
    usual = max(1, min(round(frame_rate / PER_SECOND), len(plan) // FEWEST))
    stride = max(usual, -(-len(plan) // MOST))
    chosen = np.zeros(len(plan), dtype=np.bool_)
    chosen[stride // 2 :: stride] = True
    return chosen & (plan.strength > PAINTED_FROM)


class Sampler:
    """Looks at frames of one plan as they are painted, one segment after the other."""

    def __init__(self, analysis: Analysis, plan: Plan) -> None:
        self._space, self._plan = analysis.space, plan
        self._lips = WantedLips(analysis.predictor, plan.mouth)
        self._chosen = sampled(plan, analysis.facts.frame_rate)
        after = np.flatnonzero(self._chosen[1:])
        self._pairs = set(zip(plan.base[after].tolist(), plan.base[after + 1].tolist(), strict=True))
        self._own: dict[tuple[int, int], float] = {}
        self.restart()

    def restart(self) -> None:
        """Begin with another segment."""
        self._before: tuple[int, _Lips] | None = None
        self._rows: list[tuple[int, float, float, float, float, float]] = []
        self._faces: list[PixelArray] = []

    def source(self, reader: FrameSource) -> FrameSource:
        """The same frames, on their way to who paints them: what changes in the take itself is noted as they pass by."""
        return _Watched(reader, self._space, self._pairs, self._own)

    def see(self, number: int, frame: Frame) -> None:
        """A painted frame; frames of a segment come one after the other."""
        before, self._before = self._before, None
        base = self._plan.base
        if self._chosen[number]:
            change = own = np.nan  # as for the first frame of a segment: alone, nothing is known of the one before
            if before is not None and before[0] == number - 1:
                change = before[1].change_to(frame)
                own = self._own.get((int(base[number - 1]), int(base[number])), np.nan)
            self._note(number, frame, change, own)
        if number + 1 < len(base) and self._chosen[number + 1]:
            lips = _Lips.of(frame, self._space, int(base[number]))
            self._before = None if lips is None else (number, lips)

    def taken(self) -> Samples:
        """What was seen of the segment."""
        numbers, *columns = np.array(self._rows, dtype=np.float64).reshape(-1, 6).T
        side = MESH_SIDE_PIXELS
        faces = np.array(self._faces, dtype=np.uint8).reshape(-1, side * 3 // 2, side)
        return Samples(numbers.astype(np.int64), faces, *(column.astype(np.float32) for column in columns))

    def _note(self, number: int, frame: Frame, change: float, own: float) -> None:
        part = slice(number, number + 1)
        lips = self._lips[part]
        base = self._plan.base[part].astype(np.intp)
        points = self._space.wanted_pixels(base, lips, self._plan.strength[part])[0].astype(np.float32)
        here = Region.around(points)
        wide = Region(here.x, here.y, here.size * MESH_REACH, here.angle)
        self._faces.append(turned_square(frame, wide, MESH_SIDE_PIXELS)[0])
        asked = float(apertures_of_lips(lips)[0]), float(widths_of_lips(lips)[0])
        self._rows.append((number, *asked, lip_sharpness(frame, points), change, own))


class _Watched:
    """Frames of a take that pass by in the order in which they are painted; the changes of `pairs` of them go into `told`."""

    def __init__(
        self, reader: FrameSource, space: MouthSpace, pairs: set[tuple[int, int]], told: dict[tuple[int, int], float]
    ) -> None:
        self._reader, self._space, self._pairs, self._told = reader, space, pairs, told
        self._firsts = {first for first, _ in pairs}

    def sequence(self, numbers: Iterable[int]) -> Iterator[Frame]:
        """See `FrameSource`."""
        wanted = list(numbers)
        before: tuple[int, _Lips | None] | None = None
        for number, frame in zip(wanted, self._reader.sequence(wanted), strict=True):
            if before is not None and before[1] is not None and (before[0], number) in self._pairs:
                self._told[before[0], number] = before[1].change_to(frame)
            lips = _Lips.of(frame, self._space, number) if number in self._firsts else None
            before = (number, lips)
            yield frame


@dataclass(frozen=True, slots=True)
class _Lips:
    """The lips of a frame. box: left, top, right, bottom px; picture: (HEIGHT, WIDTH) luma"""

    box: tuple[int, int, int, int]
    picture: PixelArray

    @classmethod
    def of(cls, frame: Frame, space: MouthSpace, base: int) -> _Lips | None:
        """Where they lie in the frame `base` of the take; None where that is not in the picture."""
        lips, unit = space.pixels(np.array([base]))[0, LIP_OUTLINE], float(space.poses.scale[base])
        low, high = lips.min(axis=0) - BESIDE_IOD * unit, lips.max(axis=0) + BESIDE_IOD * unit
        left, top = (max(0, int(edge)) for edge in low)
        right, bottom = min(frame.width, int(high[0])), min(frame.height, int(high[1] + BELOW_IOD * unit))
        if min(right - left, bottom - top) < FEWEST_PIXELS:
            return None
        return cls((left, top, right, bottom), _small(frame, (left, top, right, bottom)))

    def change_to(self, frame: Frame) -> float:
        """How much they change to the frame after it, beyond their movement (dense flow, Kroeger et al. 2016), grey levels."""
        after = _small(frame, self.box)
        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST).calc(after, self.picture, None)  # type: ignore[call-overload]
        places = np.asarray(flow, dtype=np.float32) + _PLACES
        moved = cv2.remap(self.picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
        return float(np.abs(_smooth(after) - _smooth(moved)).mean())


_PLACES: FloatArray = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=-1).astype(np.float32)


def _small(frame: Frame, box: tuple[int, int, int, int]) -> PixelArray:
    left, top, right, bottom = box
    part = frame.y[top:bottom, left:right]
    shrinks = part.shape[1] > WIDTH
    made = cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(made, dtype=np.uint8)


def _smooth(picture: PixelArray) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), NOISE_SIGMA_PIXELS), dtype=np.float32)
