"""The card's picture: moments of the take with the found face drawn, above a bar of its time.

Each moment stands above its own time in the bar. The bar shows how far the mouth opens; stretches where the clip passes
unchanged are hatched there and under their moments, cuts split the bar, and an arrow below it shows the stretch that a
longer voice plays to and fro. There are no words, so that nothing needs translation, and nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from lipsync.errors import EnvironmentFault
from lipsync.faces.landmarks import LIP_OPENING, LIP_OUTLINE, places
from lipsync.faces.tracker import FloatArray
from lipsync.preflight.card import Card, Figures, Series, Verdict
from lipsync.preflight.moments import SPACE, STRIP_WIDTH, Moment, Picture

Colour = tuple[int, int, int]
Mask = npt.NDArray[np.float32]

CORNER = 10
BAR_HEIGHT = 76
MARGIN = 24
BORDER = 16
TRIANGLE = 13
HATCH_PERIOD = 18
# With narrower lips, px, lines are thin and fewer, which leaves something of the face to see.
LARGE_LIPS = 36
HATCHED_SHARE = 0.1
TEXT_PIXELS = 22

GROUND: Colour = (22, 23, 25)
BAR: Colour = (47, 50, 55)
WAVE: Colour = (150, 157, 166)
HATCH: Colour = (250, 190, 80)
TRACK: Colour = (110, 240, 220)
SHADE: Colour = (8, 12, 14)
TEXT: Colour = (244, 245, 247)

# The face's outline, from the top of the forehead on.
OUTLINE = places(
    (10, 338, 297, 332, 284, 251, 389, 356, 454, 361, 288, 397, 365, 379, 378, 400, 377, 152)
    + (148, 176, 149, 150, 136, 172, 58, 132, 234, 127, 162, 21, 54, 103, 67, 109)
)
# Positions are handed to OpenCV in sixteenths of a pixel.
SHIFT = 4


def draw_strip(moments: Sequence[Moment], points: Mapping[int, FloatArray], card: Card, frame_rate: float) -> Picture:
    """The picture, (h, STRIP_WIDTH + 2 * BORDER, 3) RGB.

    moments: see `MomentKeeper`, at least one; points: (len(KEPT), 2 or 3) px of the clip, by the number of the frame;
    frames without a face are missing
    """
    figures = card.figures
    tall = moments[0].picture.shape[0]
    bar_top = tall + MARGIN + SPACE
    canvas = np.empty((bar_top + BAR_HEIGHT + MARGIN, STRIP_WIDTH, 3), dtype=np.uint8)
    canvas[:] = GROUND
    for place, moment in enumerate(moments):
        second = moment.number / frame_rate
        passes = any(gap.start <= second < gap.end for gap in figures.gaps)
        tile = _tile(moment, points.get(moment.number), passes)
        centre = round((place + 0.5) * STRIP_WIDTH / len(moments))
        left = max(0, min(STRIP_WIDTH - tile.shape[1], centre - tile.shape[1] // 2))
        canvas[:tall, left : left + tile.shape[1]] = tile
        _write_time(canvas, (left + 10, tall - 38), second)
        _triangle(canvas, (_across(second, figures), bar_top - 6))
    _draw_bar(canvas[bar_top : bar_top + BAR_HEIGHT], figures)
    if figures.loop_points is not None and card.verdict is not Verdict.REFUSED:
        turns = figures.loop_points.turn_forth, figures.loop_points.turn_back
        _arrow(canvas[bar_top + BAR_HEIGHT :], _across(turns[0], figures), _across(turns[1], figures))
    bordered = cv2.copyMakeBorder(canvas, BORDER, BORDER, BORDER, BORDER, cv2.BORDER_CONSTANT, value=GROUND)
    return np.asarray(bordered, dtype=np.uint8)


def save_strip(picture: Picture, output: Path) -> None:
    """Write the picture as png where its name says so, else as jpg. Raises EnvironmentFault (`not_writable`)."""
    part = output.with_name(f".{output.name}.part")
    try:
        Image.fromarray(picture).save(part, format="PNG" if output.suffix.lower() == ".png" else "JPEG", quality=88)
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EnvironmentFault(
            "not_writable", f"{output} cannot be written ({error}). Choose another name or folder."
        ) from error


def _tile(moment: Moment, points: FloatArray | None, passes: bool) -> Picture:
    tile = moment.picture.copy()
    if points is not None and not passes:
        small = points[:, :2] * np.array(moment.scale, dtype=np.float32)
        large = np.ptp(small[LIP_OUTLINE, 0]) >= LARGE_LIPS
        rings = ((OUTLINE, 2), (LIP_OUTLINE, 2), (LIP_OPENING, 1)) if large else ((OUTLINE, 1), (LIP_OUTLINE, 1))
        for ring, width in rings:
            _ring(tile, small[ring], SHADE, width + 2)
        for ring, width in rings:
            _ring(tile, small[ring], TRACK, width)
    if passes:
        tile = np.asarray(tile * 0.55, dtype=np.uint8)
        _hatch(tile[-max(12, round(tile.shape[0] * HATCHED_SHARE)) :])
    return _paint(tile, GROUND, 1 - _rounded(tile.shape[0], tile.shape[1]))


def _draw_bar(bar: Picture, figures: Figures) -> None:
    """Fill the bar: the mouth's opening as a wave about the middle, gaps hatched, cuts as breaks."""
    height, width = bar.shape[:2]
    bar[:] = BAR
    opening = _course(figures.opening, figures, width)
    half = np.clip(opening / max(0.05, float(np.max(opening, initial=0))), 0.03, 1) * (height / 2 - 12)
    away = np.abs(np.arange(height)[:, None] + 0.5 - height / 2)
    bar[:] = _paint(bar, WAVE, np.clip(half[None] - away + 0.5, 0, 1).astype(np.float32))
    hatched = bar.copy()
    hatched[:] = BAR
    _hatch(hatched)
    for gap in figures.gaps:
        first = min(_across(gap.start, figures), width - 3)
        end = max(first + 3, _across(gap.end, figures))
        bar[:, first:end] = hatched[:, first:end]
    bar[:] = _paint(bar, GROUND, 1 - _rounded(height, width))
    for cut in figures.cuts:
        middle = _across(cut, figures)
        bar[:, max(0, middle - 3) : middle + 3] = GROUND


def _course(series: Series, figures: Figures, width: int) -> npt.NDArray[np.float64]:
    """A series as one value per column, 0 where it has none."""
    values = np.array([value if value is not None else 0.0 for value in series.values] or [0.0])
    seconds = series.start + (np.arange(len(values)) + 0.5) * series.step
    columns = figures.part.start + (np.arange(width) + 0.5) / width * (figures.part.end - figures.part.start)
    return np.asarray(np.interp(columns, seconds, values))


def _across(second: float, figures: Figures) -> int:
    part = figures.part
    share = (second - part.start) / max(1e-9, part.end - part.start)
    return round(min(1.0, max(0.0, share)) * STRIP_WIDTH)


def _hatch(area: Picture) -> None:
    """Diagonal stripes with soft edges."""
    rows, columns = np.indices(area.shape[:2], dtype=np.float32)
    phase = np.abs(((columns + rows) / HATCH_PERIOD) % 1 - 0.5) * HATCH_PERIOD
    area[:] = _paint(area, HATCH, np.clip(HATCH_PERIOD * 0.22 - phase + 0.5, 0, 1))


def _ring(tile: Picture, ring: FloatArray, colour: Colour, width: int) -> None:
    sixteenths = np.round(ring * (1 << SHIFT)).astype(np.int32)
    cv2.polylines(tile, [sixteenths], True, colour, width, cv2.LINE_AA, SHIFT)


def _triangle(canvas: Picture, tip: tuple[int, int]) -> None:
    across = min(STRIP_WIDTH - 1 - TRIANGLE, max(TRIANGLE, tip[0]))
    left, right = across - TRIANGLE * 0.7, across + TRIANGLE * 0.7
    _fill(canvas, [(across, tip[1]), (left, tip[1] - TRIANGLE), (right, tip[1] - TRIANGLE)])


def _arrow(area: Picture, first: int, last: int) -> None:
    """A line with a head at both ends."""
    middle, head, half = MARGIN * 0.6, TRIANGLE, TRIANGLE * 0.5
    if last - first < 3 * head:
        return
    _fill(area, [(first + head, middle - 1), (last - head, middle - 1), (last - head, middle + 1), (first + head, middle + 1)])
    _fill(area, [(first, middle), (first + head, middle - half), (first + head, middle + half)])
    _fill(area, [(last, middle), (last - head, middle - half), (last - head, middle + half)])


def _fill(picture: Picture, corners: list[tuple[float, float]]) -> None:
    sixteenths = np.round(np.array(corners) * (1 << SHIFT)).astype(np.int32)
    cv2.fillConvexPoly(picture, sixteenths, TEXT, cv2.LINE_AA, SHIFT)


def _rounded(height: int, width: int) -> Mask:
    """1 inside a rectangle with round corners, 0 outside, soft between."""
    x = np.maximum(np.abs(np.arange(width) + 0.5 - width / 2) - (width / 2 - CORNER), 0)
    y = np.maximum(np.abs(np.arange(height) + 0.5 - height / 2) - (height / 2 - CORNER), 0)
    return np.asarray(np.clip(CORNER + 0.5 - np.hypot(x[None], y[:, None]), 0, 1), dtype=np.float32)


def _paint(picture: Picture, colour: Colour, share: Mask) -> Picture:
    """The picture with a colour laid over it; share: (h, w) 0 to 1"""
    laid = picture + (np.array(colour, dtype=np.float32) - picture) * share[..., None]
    return np.asarray(laid + 0.5, dtype=np.uint8)


def _write_time(canvas: Picture, corner: tuple[int, int], second: float) -> None:
    """Minutes and seconds, light on a dark plate."""
    text = f"{int(second // 60)}:{second % 60:04.1f}"
    font = ImageFont.load_default(TEXT_PIXELS)
    left, top, right, bottom = font.getbbox(text)
    width, height = round(right - left) + 16, TEXT_PIXELS + 6
    plate = canvas[corner[1] : corner[1] + height, corner[0] : corner[0] + width]
    plate[:] = _paint(plate, SHADE, 0.7 * _rounded(height, width)[: plate.shape[0], : plate.shape[1]])
    letters = Image.new("L", (plate.shape[1], plate.shape[0]))
    ImageDraw.Draw(letters).text((8 - left, (height - top - bottom) / 2), text, font=font, fill=255)
    plate[:] = _paint(plate, TEXT, np.asarray(letters, dtype=np.float32) / 255)
