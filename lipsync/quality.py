"""How well a video does what was wanted: samples of its frames, as they were painted, go in; figures and rows come out.

Landmarks are found anew in every sample, as a stranger would; nothing is known where nothing was sampled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lipsync.analysis import Analysis
from lipsync.faces.landmarks import KEPT, RIGID
from lipsync.faces.mediapipe import MediapipeTracker
from lipsync.faces.pose import DoubleArray, fit_similarity, rigid_reference
from lipsync.plan import Plan
from lipsync.sampling import Samples
from lipsync.shapes import apertures, widths

FEWEST_SAMPLES = 25
# A point of a row tells of the seconds around it.
MOST_POINTS, SHORTEST_STEP_SECONDS, WINDOW_SECONDS, FEWEST_IN_WINDOW = 200, 1.0, 3.0, 3
# A mouth that is hardly asked to move cannot follow well or badly.
LEAST_SPREAD_IOD = 0.004
# Grey levels by which lips at rest change from frame to frame, and more for each IOD of aperture and width, in six real
# takes (2026-11-29): what is expected of a take whose own mouth does not tell, and how many samples it is worth each.
USUAL_CHANGE, USUAL_WORTH = np.array([0.7, 60.0, 25.0]), np.array([2.0, 5e-3, 5e-3])
_KEPT = np.array(KEPT)


@dataclass(frozen=True, slots=True)
class Rows:
    """Quality over time: points `step` seconds apart, percent; None where nothing is known.

    sync: 100 is a mouth exactly as open as asked, 0 one that stays where it is; sharpness: 100 is as sharp as the take
    flicker: 100 is as steady as the take's own lips when they move so fast, more flickers more
    """

    step: float
    sync: tuple[int | None, ...]
    sharpness: tuple[int | None, ...]
    flicker: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What the samples of a video tell, one value for each of m; not a number where one tells nothing.

    numbers: of the frames; aperture, width: (m, 2) IOD, asked and reached
    sharpness: log, lips over those of the frame underneath
    change, expected: of the lips from the frame before, grey levels; expected of lips of the take that move so fast
    """

    numbers: npt.NDArray[np.int64]
    aperture: DoubleArray
    width: DoubleArray
    sharpness: DoubleArray
    change: DoubleArray
    expected: DoubleArray

    def figures(self) -> dict[str, float | None]:
        """Over the whole video; None where too little is known.

        aperture_followed, width_followed: Pearson's r between mouth wanted and mouth found
        aperture_error_iod: mean absolute difference, both about their own mean
        sharpness: lips in the result over lips in the take, 1 = as sharp; flicker: likewise, 1 = as steady
        """
        asked, reached = _known(*self.aperture.T)
        error = np.abs((reached - reached.mean()) - (asked - asked.mean())) if len(asked) else asked
        (sharpness,), (change, expected) = _known(self.sharpness), _known(self.change, self.expected)
        return {
            "aperture_followed": _correlation(asked, reached),
            "width_followed": _correlation(*_known(*self.width.T)),
            "aperture_error_iod": round(float(error.mean()), 4) if len(error) >= FEWEST_SAMPLES else None,
            "sharpness": round(float(np.exp(np.median(sharpness))), 3) if len(sharpness) >= FEWEST_SAMPLES else None,
            "flicker": round(float(change.mean() / expected.mean()), 3) if len(change) >= FEWEST_SAMPLES else None,
        }

    def rows(self, frames: int, frame_rate: float) -> Rows:
        """Over the time of a video of so many frames."""
        seconds = frames / frame_rate
        count = int(np.clip(round(seconds / SHORTEST_STEP_SECONDS), 1, MOST_POINTS))
        times, step = self.numbers / frame_rate, seconds / count
        middles = (np.arange(count) + 0.5) * step
        far = np.abs(times[None] - middles[:, None])
        # Neighbours steady a point, but do not speak for one of which nothing is known.
        near = (far <= max(WINDOW_SECONDS, step) / 2) & (far <= step / 2).any(axis=1, keepdims=True)
        asked, reached = self.aperture.T
        spread = float(np.mean(np.abs(asked - asked.mean()))) if len(asked) else 0.0
        error = np.abs((reached - _mean(reached)) - (asked - _mean(asked))) / max(spread, 1e-9)
        follows = 1 - error if spread >= LEAST_SPREAD_IOD else np.full(len(asked), np.nan)
        change, expected = (
            _means(np.where(np.isnan(self.change), np.nan, values), near) for values in (self.change, self.expected)
        )
        return Rows(
            round(step, 6),
            _percents(_means(follows, near), 100),
            _percents(np.exp(_means(self.sharpness, near)), 200),
            _percents(change / expected, 400),
        )


def look_at(parts: Iterable[Samples | None], analysis: Analysis, plan: Plan, *, follows: bool) -> Found:
    """Look at the samples of a video's segments, in order; a part that is None is one of which nothing is known.

    follows: whether the mouths are those of the plan; where they are not, nothing is found of how they follow it
    """
    noted: list[npt.NDArray[np.float64]] = []
    points: list[DoubleArray | None] = []
    with MediapipeTracker() as tracker:
        for samples in parts:
            if samples is None:
                continue
            for face in samples.faces:
                mesh = tracker.mesh(face) if follows else None
                points.append(None if mesh is None else mesh[_KEPT].astype(np.float64))
            columns = (samples.aperture, samples.width, samples.sharpness, samples.change, samples.own_change)
            noted.append(np.stack([samples.numbers, *columns], axis=1))
    numbers, aperture, width, sharpness, change, own_change = np.concatenate([np.empty((0, 6)), *noted]).T
    places = numbers.astype(np.int64)
    reached = _reached(points)
    underneath = analysis.survey.observed.sharpness[plan.base[places]]
    return Found(
        places,
        np.stack([aperture, reached[:, 0]], axis=1),
        np.stack([width, reached[:, 1]], axis=1),
        np.where(underneath > 0, sharpness - underneath, np.nan),
        change,
        _expected(analysis, plan, places, own_change),
    )


def _reached(points: list[DoubleArray | None]) -> DoubleArray:
    """(m, 2) aperture and width in IOD of landmarks (P, 3); not a number where there are none, or too few to tell."""
    reached = np.full((len(points), 2), np.nan)
    seen = [place for place, found in enumerate(points) if found is not None]
    if len(seen) >= FEWEST_IN_WINDOW:
        own = np.stack([found for found in points if found is not None])
        shapes = fit_similarity(rigid_reference(own), own[:, RIGID]).to_own(own)
        reached[seen] = np.stack([apertures(shapes), widths(shapes)], axis=1)
    return reached


def _expected(analysis: Analysis, plan: Plan, numbers: npt.NDArray[np.int64], own_change: DoubleArray) -> DoubleArray:
    """(m,) grey levels by which lips of the take change when they move as fast as these frames' lips are asked to.

    A line through what its own lips do at their own speeds (ridge regression, Hoerl and Kennard 1970, towards the usual one).
    """
    before = np.maximum(numbers - 1, 0)
    base, asked = plan.base.astype(np.intp), plan.mouth.values[:, :2].astype(np.float64)
    asked = asked * (1 - plan.mouth.still[:, None])
    opening = analysis.survey.observed.opening[:, :2].astype(np.float64)
    own = np.abs(opening[base[numbers]] - opening[base[before]])
    # Of a frame that is held, or one after a jump, nothing can be learnt.
    told = np.isfinite(own_change) & np.isfinite(own).all(axis=1) & (np.abs(base[numbers] - base[before]) == 1)
    speeds = np.column_stack([np.ones(told.sum()), own[told]])
    worth = np.diag(USUAL_WORTH)
    line = np.linalg.solve(speeds.T @ speeds + worth, speeds.T @ own_change[told] + worth @ USUAL_CHANGE)
    moves = np.abs(asked[numbers] - asked[before])
    return np.asarray(np.maximum(np.column_stack([np.ones(len(moves)), moves]) @ line, 0.1))


def _known(*columns: DoubleArray) -> tuple[DoubleArray, ...]:
    """Of columns (m,) the places at which all of them are numbers."""
    numbers = np.isfinite(np.stack(columns)).all(axis=0)
    return tuple(column[numbers] for column in columns)


def _mean(values: DoubleArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _means(values: DoubleArray, near: npt.NDArray[np.bool_]) -> DoubleArray:
    """(n,) means of values (m,) where `near` (n, m) says so; not a number where that are too few."""
    counted = near & np.isfinite(values)
    count = counted.sum(axis=1)
    sums = counted @ np.nan_to_num(values)
    return np.where(count >= FEWEST_IN_WINDOW, sums / np.maximum(count, 1), np.nan)


def _percents(values: DoubleArray, most: int) -> tuple[int | None, ...]:
    return tuple(None if np.isnan(value) else round(min(most, max(0.0, 100 * value))) for value in values.tolist())


def _correlation(left: DoubleArray, right: DoubleArray) -> float | None:
    if len(left) < FEWEST_SAMPLES or left.std() < 1e-6 or right.std() < 1e-6:
        return None
    return round(float(np.corrcoef(left, right)[0, 1]), 3)
