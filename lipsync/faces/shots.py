"""Where the camera's shots begin: frames go in one by one, the number of the shot of each comes out.

In the manner of PySceneDetect's adaptive detector: a frame begins a shot when it differs from the one before far more than
frames around it differ. Pictures are compared at 40 x 40 px with brightness and contrast taken out, so that exposure does not
matter. What looks like a cut and is undone at once (a flash, a hand before the lens) is taken back.
"""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from lipsync.media.frames import UInt8Array

IntArray = npt.NDArray[np.intp]
_Picture = npt.NDArray[np.float32]

SIDE_PIXELS = 40
# Mean absolute differences of pictures of mean 0 and deviation 1: unrelated ones are 1.1 apart, a talking head's
# successive ones .01 to .1, a head shaken quickly .25.
SMALLEST_CUT, SMALL_CUT_RATIO = 0.12, 4.0
LARGE_CUT, LARGE_CUT_RATIO = 0.5, 2.0
_NOISE = 0.01
RECENT_FRAMES = 6
FEWEST_RECENT_FRAMES = 3
# Motion goes on in the next frame, a cut does not.
MOST_AFTER_CUT = 0.6
# A flash is over within so many frames; then the picture is near what it was.
FLASH_FRAMES = 10
BACK_AGAIN = 0.3
# A dissolve: the picture is this far from what it was so many frames ago, without a cut between.
DISSOLVE_FRAMES = 24
DISSOLVED = 0.65
# The picture halfway through a dissolve is a mixture of its ends, each with at least such a share, wherever they differ so
# much and nothing moves. It is off by up to .05; by .12 and more where something passes, turns or shakes.
DIFFERENT, STILL_SHARE, FITTING_STEPS = 0.4, 0.7, 5
SMALLEST_SHARE, MOST_UNMIXED = 0.15, 0.08
# Deviation in grey levels under which a picture is black, white or grey all over and tells nothing.
BLANK, CLEAR = 5.0, 9.0
# What comes out of a blank picture is another scene if it is so far from what went in.
ANOTHER_SCENE = 0.65


@dataclass(slots=True)
class _Doubt:
    """A cut that may be taken back.

    before: the picture before it; change: how large it was; sudden: from one frame to the next; age: frames since
    """

    before: _Picture
    change: float
    sudden: bool
    age: int = 0


class ShotFinder:
    """Call `step` on every frame in order, then `numbers`."""

    def __init__(self) -> None:
        self._cuts = array("q")
        self._count = 0
        self._past: deque[_Picture] = deque(maxlen=DISSOLVE_FRAMES)
        self._recent: deque[float] = deque(maxlen=RECENT_FRAMES)
        self._doubt: _Doubt | None = None
        self._before_blank: _Picture | None = None
        self._blank = False

    def step(self, luma: UInt8Array) -> bool:
        """Whether this frame seems to begin a new shot. `numbers` may know better later.

        luma: (height, width) of the whole frame
        """
        here, contrast = _reduced(luma)
        cut = False
        if self._blank or contrast < BLANK:
            cut = self._through_blank(here, contrast)
        elif self._past:
            change = _apart(self._past[-1], here)
            self._review(here, change)
            if self._sudden(change):
                self._doubt = _Doubt(self._past[-1], change, sudden=True)
            elif self._dissolved(here):
                self._doubt = _Doubt(self._past[0], _apart(self._past[0], here), sudden=False)
            cut = self._doubt is not None and self._doubt.age == 0
            if cut:
                self._past.clear()
            self._recent.append(change)
        if cut:
            self._cuts.append(self._count)
        self._past.append(here)
        self._count += 1
        return cut

    def numbers(self) -> IntArray:
        """(n,) the shot of every frame seen, from 0."""
        begins = np.zeros(self._count, dtype=np.intp)
        begins[np.frombuffer(self._cuts, dtype=np.int64)] = 1
        return np.cumsum(begins)

    def _sudden(self, change: float) -> bool:
        if len(self._recent) < FEWEST_RECENT_FRAMES:
            return change > LARGE_CUT and self._doubt is None
        ratio = change / (max(self._recent) + _NOISE)
        return (change > LARGE_CUT and ratio > LARGE_CUT_RATIO) or (change > SMALLEST_CUT and ratio > SMALL_CUT_RATIO)

    def _dissolved(self, here: _Picture) -> bool:
        if len(self._past) < DISSOLVE_FRAMES or _apart(self._past[0], here) <= DISSOLVED:
            return False
        halfway = max(self._past, key=lambda between: min(_apart(self._past[0], between), _apart(between, here)))
        return _is_mixture(halfway, self._past[0], here)

    def _review(self, here: _Picture, change: float) -> None:
        """Take the last cut back if it proves to be motion or a flash."""
        doubt = self._doubt
        if doubt is None:
            return
        doubt.age += 1
        moving = doubt.sudden and doubt.age == 1 and change > MOST_AFTER_CUT * doubt.change
        if moving or _apart(doubt.before, here) < BACK_AGAIN * doubt.change:
            self._cuts.pop()
            self._doubt = None
        elif doubt.age >= FLASH_FRAMES:
            self._doubt = None

    def _through_blank(self, here: _Picture, contrast: float) -> bool:
        """Whether another scene comes out of a black or white picture than went in."""
        if not self._blank:
            self._blank = True
            self._before_blank = self._past[0] if self._past else None
        elif contrast > CLEAR:
            self._blank = False
            self._past.clear()
            self._doubt = None
            change = 0.0 if self._before_blank is None else _apart(self._before_blank, here)
            if self._before_blank is not None and change > ANOTHER_SCENE:
                self._doubt = _Doubt(self._before_blank, change, sudden=True)
                return True
        return False


def _reduced(luma: UInt8Array) -> tuple[_Picture, float]:
    """The picture at 40 x 40 px with mean 0 and deviation 1, and its deviation in grey levels."""
    step = max(1, min(luma.shape) // (2 * SIDE_PIXELS))
    few = np.ascontiguousarray(luma[::step, ::step])
    small = cv2.resize(few, (SIDE_PIXELS, SIDE_PIXELS), interpolation=cv2.INTER_AREA).astype(np.float32)
    contrast = float(small.std())
    return np.asarray((small - small.mean()) / max(contrast, BLANK), dtype=np.float32), contrast


def _is_mixture(between: _Picture, one: _Picture, other: _Picture) -> bool:
    """Whether a picture is made of two others, by least trimmed squares (Rousseeuw and Van Driessen 2006)."""
    different = np.abs(one - other) > DIFFERENT
    ends, wanted = np.stack([one[different], other[different]], axis=1), between[different]
    still = np.ones(len(wanted), dtype=bool)
    for _ in range(FITTING_STEPS):
        shares = np.linalg.lstsq(ends[still], wanted[still], rcond=None)[0]
        off = np.abs(wanted - ends @ shares)
        still = off <= np.quantile(off, STILL_SHARE)
    return bool(shares.min() >= SMALLEST_SHARE and off[still].mean() <= MOST_UNMIXED)


def _apart(one: _Picture, other: _Picture) -> float:
    return float(np.abs(one - other).mean())
