"""Which of several people is the speaker: short parts of the take go in, an identity to follow comes out.

Everybody in these parts is followed, and what looks alike is taken for one person. The speaker is who stands at a point on a
still, if one is given; else whose mouth moves with the take's own sound (as Nock, Iyengar and Neti 2003 and Chung and
Zisserman 2016 do with other measures of agreement); else who is largest for longest.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from lipsync.errors import UnusableInput
from lipsync.faces.follower import SAME_PLACE, SMALLEST_SHARE, Identity, Look, all_faces, can_be_next
from lipsync.faces.landmarks import APERTURE_PAIRS, BRIDGE, CHIN_TIP, CORNERS, LEFT_EYE, RIGHT_EYE
from lipsync.faces.likeness import STRANGER, Gallery, Likeness
from lipsync.faces.pose import DoubleArray
from lipsync.faces.shots import ShotFinder
from lipsync.faces.tracker import FloatArray, Region, Tracker
from lipsync.media.frames import Frame, FrameReader

Chosen = Literal["only", "point", "sound", "largest"]
# From times, seconds, and (n, 3) standardised mouth measures to how well the take's sound explains them, about 0 to 1.
SoundMatch = Callable[[DoubleArray, DoubleArray], float]

LOOK_FOR_NEW_FRAMES = 6
LEARN_FRAMES = 6
PARTS, PART_SECONDS = 5, 8.0
AROUND_POINT_SECONDS = 3.0
# A point marks a face within this many face sizes of its centre.
POINT_REACH = 0.9
SHORTEST_PRESENCE_SECONDS = 0.4
FEWEST_HEARD_FRAMES = 50
# The speaker's mouth fits the sound so well, and so much better than anybody else's, beyond what chance gives, which falls
# with the square root of the number of frames.
LEAST_MATCH, LEAST_LEAD = 0.3, 0.07
CHANCE = 2.5


@dataclass(slots=True)
class _Walk:
    """One face followed without a break. times: seconds; measures: aperture, width and chin of each, IOD"""

    region: Region
    look: Look = field(default_factory=Look)
    gallery: Gallery = field(default_factory=Gallery)
    numbers: array[int] = field(default_factory=lambda: array("q"))
    measures: array[float] = field(default_factory=lambda: array("f"))
    area: float = 0.0
    marked: bool = False

    def add(self, number: int, points: FloatArray) -> None:
        self.region = Region.around(points)
        self.numbers.append(number)
        self.measures.extend(_mouth(points))
        self.area += self.region.size**2


@dataclass(slots=True)
class Person:
    """Somebody in the take. area: the sum over frames of the face's square, px^2"""

    walks: list[_Walk]

    @property
    def gallery(self) -> Gallery:
        """All looks of this person."""
        whole = Gallery()
        for walk in self.walks:
            for sample in walk.gallery.samples:
                whole.learn(sample)
        return whole

    @property
    def area(self) -> float:
        """The sum over frames of the face's square, px^2."""
        return sum(walk.area for walk in self.walks)

    @property
    def frames(self) -> int:
        """In how many frames the person was seen."""
        return sum(len(walk.numbers) for walk in self.walks)

    def mouth(self) -> tuple[DoubleArray, DoubleArray]:
        """(n,) frame numbers and (n, 3) standardised aperture, width and chin."""
        numbers = np.concatenate([np.frombuffer(walk.numbers, dtype=np.int64) for walk in self.walks]).astype(np.float64)
        # Standardised for each walk: another shot shows the same mouth at another angle.
        parts = []
        for walk in self.walks:
            values = np.frombuffer(walk.measures, dtype=np.float32).reshape(-1, 3).astype(np.float64)
            parts.append((values - values.mean(axis=0)) / (values.std(axis=0) + 1e-3))
        return numbers, np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class Mark:
    """A point on a still. number: frame; x, y: px"""

    number: int
    x: float
    y: float


def parts_of(frames: int, frame_rate: float, mark: Mark | None = None) -> list[tuple[int, int]]:
    """(first frame, number of frames) of the parts of a take to look at: around the mark, else spread over the take."""
    if mark is not None:
        reach = round(AROUND_POINT_SECONDS * frame_rate)
        return [(max(0, mark.number - reach), 2 * reach)]
    length = round(PART_SECONDS * frame_rate)
    if frames <= PARTS * length:
        return [(0, frames)]
    return [(int(first), length) for first in np.linspace(0, frames - length, PARTS)]


def meet(reader: FrameReader, tracker: Tracker, parts: Iterable[tuple[int, int]], mark: Mark | None = None) -> list[Person]:
    """Everybody in these parts of a take, the most present first. The person under the mark has a walk that says so."""
    walks: list[_Walk] = []
    for first, count in parts:
        shots = ShotFinder()
        active: list[_Walk] = []
        for number, frame in enumerate(reader.forward(first, count), first):
            cut = shots.step(frame.y)
            active = [] if cut else [walk for walk in active if _follow(walk, number, frame, tracker)]
            here = mark is not None and number == mark.number
            if cut or here or (number - first) % LOOK_FOR_NEW_FRAMES == 0:
                new = _newcomers(active, number, frame, tracker)
                active += new
                walks += new
            if mark is not None and here:
                _mark(active, mark)
    shortest = SHORTEST_PRESENCE_SECONDS * float(reader.facts.frame_rate)
    return _people([walk for walk in walks if walk.marked or len(walk.numbers) >= shortest])


def choose(people: list[Person], mark: Mark | None, frame_rate: float, match: SoundMatch | None) -> tuple[Person, Chosen]:
    """The speaker among people.

    frame_rate: for saying where there is no face; match: None where the take has no sound
    Raises UnusableInput (`no_face_there`) where nobody is under the mark.
    """
    if mark is not None:
        for person in people:
            if any(walk.marked for walk in person.walks):
                return person, "point"
        seconds = mark.number / frame_rate
        raise UnusableInput(
            "no_face_there",
            f"There is no face at the point chosen at {seconds:.1f} s. Choose the middle of the speaker's face, "
            "at a moment when it is turned to the camera.",
            at=seconds,
        )
    if len(people) == 1:
        return people[0], "only"
    largest = max(person.area / max(1, person.frames) for person in people)
    candidates = [p for p in people if p.area / max(1, p.frames) > SMALLEST_SHARE**2 * largest] if people else []
    if match is not None and len(candidates) > 1:
        heard = sorted(((_heard(person, match), -place) for place, person in enumerate(candidates)), reverse=True)
        if heard[0][0] > LEAST_MATCH and heard[0][0] - heard[1][0] > LEAST_LEAD:
            return candidates[-heard[0][1]], "sound"
    return max(candidates, key=lambda person: person.area), "largest"


def identity_of(person: Person, people: list[Person]) -> Identity:
    """Whom to follow and whom not to: those seen together with the person. Others might be the same person, unrecognised."""
    identity = Identity(own=person.gallery)
    for other in people:
        together = any(_at_once(one, two) for one in person.walks for two in other.walks)
        if other is not person and together:
            for sample in other.gallery.samples:
                identity.others.learn(sample)
    return identity


def _heard(person: Person, match: SoundMatch) -> float:
    if person.frames < FEWEST_HEARD_FRAMES:
        return 0.0
    return match(*person.mouth()) - CHANCE / math.sqrt(person.frames)


def _follow(walk: _Walk, number: int, frame: Frame, tracker: Tracker) -> bool:
    """Go on with a walk; False: it ends here."""
    points = tracker.fit(frame, walk.region)
    if points is None or not can_be_next(walk.region, Region.around(points)):
        return False
    changed = walk.look.changed(frame, points)
    if changed or len(walk.numbers) % LEARN_FRAMES == 0:
        likeness = Likeness.of(frame, points)
        if changed and walk.gallery.distance(likeness) > STRANGER:
            return False
        walk.gallery.learn(likeness)
    walk.add(number, points)
    return True


def _newcomers(active: list[_Walk], number: int, frame: Frame, tracker: Tracker) -> list[_Walk]:
    """Walks that begin in this frame. Of two walks at one place, the one that strayed ends first."""
    new = []
    for face in all_faces(tracker, frame):
        there = [walk for walk in active if walk.region.overlap(face.region) > SAME_PLACE]
        if there:
            for walk in sorted(there, key=lambda walk: walk.gallery.distance(face.likeness))[1:]:
                active.remove(walk)
            continue
        walk = _Walk(face.region)
        walk.gallery.learn(face.likeness)
        walk.add(number, face.points)
        new.append(walk)
    return new


def _mark(active: list[_Walk], mark: Mark) -> None:
    def away(walk: _Walk) -> float:
        return float(np.hypot(walk.region.x - mark.x, walk.region.y - mark.y) / walk.region.size)

    nearest = min(active, key=away, default=None)
    if nearest is not None and away(nearest) < POINT_REACH:
        nearest.marked = True


def _people(walks: list[_Walk]) -> list[Person]:
    """Put walks of one person together, longest first; nobody is in two places at once."""
    people: list[Person] = []
    for walk in sorted(walks, key=lambda walk: len(walk.numbers), reverse=True):
        free = [person for person in people if not any(_at_once(walk, other) for other in person.walks)]
        near = [(min(walk.gallery.apart(other.gallery) for other in person.walks), person) for person in free]
        distance, person = min(near, key=lambda pair: pair[0], default=(np.inf, None))
        if person is not None and distance < STRANGER:
            person.walks.append(walk)
        else:
            people.append(Person([walk]))
    return sorted(people, key=lambda person: person.area, reverse=True)


def _at_once(one: _Walk, other: _Walk) -> bool:
    return one.numbers[0] <= other.numbers[-1] and other.numbers[0] <= one.numbers[-1]


def _mouth(points: FloatArray) -> list[float]:
    size = float(np.linalg.norm(points[RIGHT_EYE].mean(axis=0) - points[LEFT_EYE].mean(axis=0)))
    upper, lower = APERTURE_PAIRS
    return [
        float(np.linalg.norm(points[upper] - points[lower], axis=1).mean()) / size,
        float(np.linalg.norm(points[CORNERS[0]] - points[CORNERS[1]])) / size,
        float(np.linalg.norm(points[CHIN_TIP].mean(axis=0) - points[BRIDGE].mean(axis=0))) / size,
    ]
