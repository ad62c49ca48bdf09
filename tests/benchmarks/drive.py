"""A take driven by its own lips of another moment, so that what every frame should look like is known.

Cross: the lips of half the clip later, so that in the end every frame's lips have been asked for once. Self: each frame's
own lips, out of a bank that lacks the second before and after.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from lipsync.bank import Mouth, lip_sharpness, usable_mouths
from lipsync.faces.landmarks import CHEEKS, JAW, LIPS, MOUTH_RING, NOSE
from lipsync.faces.pose import DoubleArray
from lipsync.fallback import fallback_share
from lipsync.gate import open_gate
from lipsync.layers import Wish, paint
from lipsync.look import look
from lipsync.media import ClipFacts, Frame, FrameReader, FrameWriter, probe_clip
from lipsync.media.facts import even_size
from lipsync.mouth_space import MouthSpace, build_space
from lipsync.open_mouth import hardly_moves
from lipsync.plan import Plan, Wishes, as_arrays, stretched
from lipsync.retrieval import Borrowed, IntArray, retrieve
from lipsync.sound.mouth import MouthTrack
from tests.benchmarks.texture import FixedShape, Skin

LONGEST_FRAMES = 300
# Painting may reach so far around jaw, chin, cheeks and nose; its edge is looked at for a step in brightness.
AREA_MARGIN_IOD, EDGE_IOD = 0.55, 0.1
MOUTH_MARGIN_IOD = 0.15


@dataclass(frozen=True, slots=True)
class Looked:
    """A take after looking. wide: number of the frame with the widest opening"""

    clip: Path
    facts: ClipFacts
    space: MouthSpace
    bank: list[Mouth]

    @property
    def wide(self) -> int:
        opening = np.where(self.space.weight >= 1, self.space.opening[:, 0], 0)
        return int(opening.argmax())


@dataclass(slots=True)
class Driven:
    """What came out, one entry per frame. truth: the take's frame that had these lips; unit: px per IOD

    skins, true_skins: lips of the result and of the take's frame `base`; psnr, ssim: against the frame itself (self drive)
    """

    base: IntArray
    truth: IntArray
    wanted: DoubleArray
    unit: DoubleArray
    borrowed: list[Borrowed]
    retrieve_ms: float
    wish_ms: list[float] = field(default_factory=list)
    paint_ms: list[float] = field(default_factory=list)
    changed_outside: list[int] = field(default_factory=list)
    changed_share: list[float] = field(default_factory=list)
    moved: list[float] = field(default_factory=list)
    edge_shift: list[float] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    true_sharpness: list[float] = field(default_factory=list)
    skins: list[Skin] = field(default_factory=list)
    true_skins: list[Skin] = field(default_factory=list)
    psnr: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class GivenLips:
    """Answers with lips that are known, as a predictor does with lips it works out. lips: (n, len(LIPS), 3)"""

    known: DoubleArray

    def lips(self, track: MouthTrack) -> DoubleArray:
        return self.known[track.values[:, 0].astype(int)]


def looked_at(clip: Path, folder: Path) -> Looked:
    """Look at a take; its landmarks are written to the folder."""
    facts = probe_clip(clip)
    sight = look(clip, facts, folder)
    width, height = even_size(facts)
    gate = open_gate(sight.track, sight.colours, width=width, height=height, frame_rate=facts.frame_rate)
    return Looked(clip, facts, build_space(sight.track, gate.strength), usable_mouths(sight.bank, gate.strength))


def own_lips(space: MouthSpace, numbers: IntArray) -> DoubleArray:
    """(n, len(LIPS), 3) the take's own lips."""
    return space.shapes[numbers][:, LIPS].astype(np.float64)


def plan_of(looked: Looked, lips: DoubleArray, base: IntArray, borrowed: list[Borrowed]) -> Plan:
    """The plan for lips (T, len(LIPS), 3) that are known; `GivenLips` answers for it."""
    known = MouthTrack(np.arange(len(base), dtype=np.float32)[:, None], np.zeros(len(base), dtype=np.float32))
    nearest = np.array([looked.bank[frame.mouths[0]].number for frame in borrowed])
    share = fallback_share(stretched(looked.space, lips, nearest), still=hardly_moves(looked.space))
    return Plan(base.astype(np.int32), known, looked.space.weight[base], *as_arrays(borrowed), share.astype(np.float32))


def drive(looked: Looked, output: Path, *, cross: bool, see: Callable[[int, Frame, Frame], None] = lambda *_: None) -> Driven:
    """Render a take with its own lips and encode it; `see` is shown every original frame beside its result."""
    base = np.arange(min(len(looked.space), LONGEST_FRAMES))
    truth = np.roll(base, -(len(base) // 2)) if cross else base
    lips = own_lips(looked.space, truth)
    start = time.process_time()
    borrowed = retrieve(looked.space, looked.bank, lips, base) if cross else _without_neighbours(looked, lips)
    spent = time.process_time() - start
    plan = plan_of(looked, lips, base, borrowed)
    unit = looked.space.poses.scale[base]
    wanted = looked.space.wanted_pixels(base, lips, looked.space.weight[base])
    result = Driven(base, truth, wanted, unit, borrowed, 1000 * spent / len(base))
    shape = FixedShape.of(looked.space.pixels(np.array([looked.wide]))[0])
    own = looked.space.pixels(base)
    frames = FrameReader(looked.clip, looked.facts).forward(0, len(base))
    with FrameWriter(output, looked.facts, sound=None) as writer:
        for frame, wish in zip(
            frames, _timed(Wishes(looked.space, looked.bank, GivenLips(lips), plan).of(), result.wish_ms), strict=True
        ):
            before = Frame(frame.data.copy(), frame.width, frame.height)
            begin = time.process_time()
            paint(frame, wish)
            result.paint_ms.append(1000 * (time.process_time() - begin))
            number = len(result.skins)
            _measure(result, before, frame, wish)
            result.true_skins.append(shape.skin(before, own[number]))
            result.skins.append(shape.skin(frame, wanted[number]))
            if not cross:
                _compare(result, before, frame, wish)
            see(number, before, frame)
            writer.write(frame)
        writer.finish()
    return result


def _without_neighbours(looked: Looked, lips: DoubleArray) -> list[Borrowed]:
    """Retrieval for each second out of the mouths at least a second away from it; less in a very short take."""
    second = min(round(float(looked.facts.frame_rate)), len(lips) // 8)
    place_of = {mouth.number: place for place, mouth in enumerate(looked.bank)}
    found: list[Borrowed] = []
    for start in range(0, len(lips), second):
        end = min(len(lips), start + second)
        far = [mouth for mouth in looked.bank if mouth.number < start - second or mouth.number >= end + second]
        for frame in retrieve(looked.space, far, lips[start:end], np.arange(start, end)):
            mouths = tuple(place_of[far[mouth].number] for mouth in frame.mouths)
            found.append(Borrowed(mouths, frame.shares))
    return found


def _timed(source: Iterator[Wish], spent: list[float]) -> Iterator[Wish]:
    while True:
        begin = time.process_time()
        try:
            item = next(source)
        except StopIteration:
            return
        spent.append(1000 * (time.process_time() - begin))
        yield item


def _area(frame: Frame, points: DoubleArray, margin: float) -> np.ndarray:
    canvas = np.zeros(frame.y.shape, dtype=np.uint8)
    hull = cv2.convexHull(points.round().astype(np.int32))
    cv2.fillConvexPoly(canvas, hull, (1,))
    cv2.polylines(canvas, [hull], True, (1,), max(1, round(2 * margin)))
    return canvas > 0


def _measure(result: Driven, before: Frame, after: Frame, wish: Wish) -> None:
    face = np.concatenate([points[np.concatenate([JAW, CHEEKS, MOUTH_RING, NOSE])] for points in (wish.own, wish.wanted)])
    area = _area(before, face, AREA_MARGIN_IOD * wish.unit)
    mouth = _area(before, wish.wanted[MOUTH_RING], MOUTH_MARGIN_IOD * wish.unit)
    difference = after.y.astype(np.int16) - before.y
    result.changed_outside.append(int((difference[~area] != 0).sum()))
    result.changed_share.append(float((difference != 0).mean()))
    result.moved.append(float(np.abs(difference[area & ~mouth]).mean()))
    result.edge_shift.append(_edge_shift(difference, EDGE_IOD * wish.unit))
    zeros = np.zeros((len(wish.own), 1))
    result.sharpness.append(lip_sharpness(after, np.concatenate([wish.wanted, zeros], axis=1).astype(np.float32)))
    result.true_sharpness.append(lip_sharpness(before, np.concatenate([wish.own, zeros], axis=1).astype(np.float32)))


def _edge_shift(difference: np.ndarray, width: float) -> float:
    """Mean change of luma in a band just inside the outline of all that is changed."""
    changed = np.argwhere(difference != 0)[:, ::-1].astype(np.int32)
    if len(changed) < 3:
        return 0.0
    hull = cv2.convexHull(changed)
    whole, edge = np.zeros((2, *difference.shape), dtype=np.uint8)
    cv2.fillConvexPoly(whole, hull, (1,))
    cv2.polylines(edge, [hull], True, (1,), max(1, round(2 * width)))
    return float(difference[(whole > 0) & (edge > 0)].mean())


def _compare(result: Driven, before: Frame, after: Frame, wish: Wish) -> None:
    """PSNR inside the lips' surroundings, and the structural similarity there (Wang et al. 2004)."""
    from skimage.metrics import structural_similarity

    mouth = _area(before, wish.own[LIPS], 0.1 * wish.unit)
    rows, columns = np.flatnonzero(mouth.any(axis=1)), np.flatnonzero(mouth.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    squared = (after.y.astype(np.float64) - before.y)[mouth] ** 2
    result.psnr.append(float(10 * np.log10(255**2 / max(squared.mean(), 1e-2))))
    _, whole = structural_similarity(before.y[box], after.y[box], full=True)
    result.ssim.append(float(whole[mouth[box]].mean()))
