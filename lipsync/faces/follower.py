"""One person followed through a video: frames go in one by one, the person's landmarks come out, or nothing.

From frame to frame the face is looked for where it was. Likeness is what holds the track to the person: it is asked often
where another face is near, now and then elsewhere, and always where a face is found anew, after a loss or a cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from lipsync.faces.landmarks import LEFT_EYE, RIGHT_EYE
from lipsync.faces.likeness import CERTAIN, CERTAIN_STRANGER, STRANGER, UPPER_FACE, Gallery, Likeness
from lipsync.faces.tracker import FloatArray, Region, Tracker
from lipsync.media.frames import Frame

# How often the whole picture is searched for other people, and the face compared with the person followed; both happen
# more often while somebody is within reach, which is counted in face sizes.
WATCH_SECONDS = 0.7
CHECK_FRAMES = 8
CLOSE_WATCH_FRAMES = 3
WITHIN_REACH = 1.6
# A face cannot move or grow further than this between two frames, in its own sizes.
FARTHEST_STEP = 0.4
LARGEST_GROWTH = 1.35
# Two looks that overlap more than this are at one face.
SAME_PLACE = 0.3
# A face seen here again so soon after it was lost need not look quite as before: a hand may still cover some of it.
SHORT_LOSS_FRAMES = 12
# Another person known must be this much nearer before a face is taken to be theirs.
NEARER = 0.1
# Faces much smaller than the largest are passers-by and pictures on the wall.
SMALLEST_SHARE = 0.4
# Correlation of luma at landmarks from frame to frame: above .8 in talk and quick turns, below .6 where faces are exchanged.
LEAST_ALIKE = 0.75
# The mesh trembles on turned heads: .66 hundredths of the inter-ocular distance below 5 degrees, .9 at 17, 1.4 beyond 30. There
# the mean of three crops is taken, right, down and larger than the face's own by these shares of its size.
TURNED_DEGREES = 12.0
MORE_CROPS = ((0.02, 0.02, 0.97), (-0.02, -0.02, 1.03))
# So many frames in a row must say "a stranger" where nobody else is near: a hand before the eyes passes.
MOST_FAILED_CHECKS = 4


@dataclass(slots=True)
class Identity:
    """Whom to follow, and whom not to. Both grow while the person is followed."""

    own: Gallery = field(default_factory=Gallery)
    others: Gallery = field(default_factory=Gallery)

    def distance(self, likeness: Likeness) -> float:
        """How far this face is from the person; infinite where it is more like somebody else."""
        distance = self.own.distance(likeness)
        if self.others.distance(likeness) < distance - NEARER:
            return math.inf
        return distance

    @property
    def known(self) -> bool:
        """Whether the person has been seen at all."""
        return bool(self.own.samples)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A face in a picture: where, its landmarks, whose it may be."""

    region: Region
    points: FloatArray
    likeness: Likeness


def all_faces(tracker: Tracker, frame: Frame, area: Region | None = None) -> list[Sighting]:
    """Every face in the picture that landmarks can be fitted to, largest first."""
    found: list[Sighting] = []
    for guess in tracker.find(frame, area):
        rough = tracker.fit(frame, guess)
        # The detector's square is coarse: what the first fit says is where to look properly.
        points = None if rough is None else tracker.fit(frame, Region.around(rough))
        if points is None:
            continue
        region = Region.around(points)
        if all(region.overlap(other.region) < SAME_PLACE for other in found):
            found.append(Sighting(region, points, Likeness.of(frame, points)))
    return found


def search_areas(frame: Frame) -> list[Region]:
    """Squares to search in turn: the picture with a border, for faces that fill it, then its parts, for small ones."""
    side = max(frame.width, frame.height)
    shorter = min(frame.width, frame.height)
    areas = [Region(frame.width / 2, frame.height / 2, 1.6 * side, 0.0)]
    step = 0.6 * shorter
    across, down = (max(1, math.ceil((length - step) / (0.75 * step)) + 1) for length in (frame.width, frame.height))
    for row in range(down):
        for column in range(across):
            x = step / 2 + (frame.width - step) * (column / (across - 1) if across > 1 else 0.5)
            y = step / 2 + (frame.height - step) * (row / (down - 1) if down > 1 else 0.5)
            areas.append(Region(x, y, step, 0.0))
    return areas


def yaw(points: FloatArray) -> float:
    """How far a face is turned to the side, degrees, by the depth of its eyes; points: (len(KEPT), 3) px"""
    across = points[LEFT_EYE].mean(axis=0) - points[RIGHT_EYE].mean(axis=0)
    return math.degrees(math.atan2(across[2], across[0]))


def can_be_next(before: Region, after: Region) -> bool:
    """Whether a face in one frame can be the one that was there in the frame before."""
    growth = after.size / before.size
    return before.distance(after) < FARTHEST_STEP and 1 / LARGEST_GROWTH < growth < LARGEST_GROWTH


class Look:
    """Notices when another face slips under the landmarks: skin moves with them, so its luma changes little in a frame."""

    def __init__(self) -> None:
        self._before: FloatArray | None = None

    def forget(self) -> None:
        """The next frame has nothing to be compared with."""
        self._before = None

    def changed(self, frame: Frame, points: FloatArray) -> bool:
        """Whether the face looks otherwise than in the frame before."""
        x, y = points[UPPER_FACE, :2].astype(np.intp).T
        luma = frame.y[y.clip(0, frame.height - 1), x.clip(0, frame.width - 1)].astype(np.float32)
        luma -= luma.mean()
        luma /= np.linalg.norm(luma) + 1e-6
        before, self._before = self._before, luma
        return before is not None and float(before @ luma) < LEAST_ALIKE


class Follower:
    """Call `track` on every frame in order.

    identity: whom to follow; without one, the largest face of the first frame that has any
    people: most faces seen at once; company: seconds for which somebody else was seen who could be the speaker
    refused: frames in which there were faces, none of them the person's
    """

    def __init__(self, tracker: Tracker, *, identity: Identity | None = None, frame_rate: float = 25.0) -> None:
        self.identity = identity or Identity()
        self.people = 0
        self.company = 0.0
        self.refused = 0
        self._tracker = tracker
        self._frame_rate = frame_rate
        self._watch_frames = max(1, round(WATCH_SECONDS * frame_rate))
        self._region: Region | None = None
        self._last: Region | None = None
        self._shift = (0.0, 0.0)
        self._age = 0
        self._watched = 0
        self._lost = 0
        self._failed = 0
        self._near: list[Region] = []
        self._searches = 0
        self._look = Look()

    def track(self, frame: Frame, *, cut: bool = False) -> FloatArray | None:
        """(len(KEPT), 3) px landmarks of the person, see `Tracker.fit`; None: not to be seen.

        cut: whether the frame begins a new shot
        """
        if cut:
            self._region, self._last, self._near, self._searches, self._lost = None, None, [], 0, 0
            self._look.forget()
        points = self._follow(frame) if self._region is not None else None
        if points is None:
            points = self._search(frame)
        if points is None:
            self._region = None
            self._look.forget()
            self._lost += 1
            return None
        self._keep(points)
        return self._steadied(frame, points) if abs(yaw(points)) > TURNED_DEGREES else points

    def _steadied(self, frame: Frame, points: FloatArray) -> FloatArray:
        """The mean of these landmarks and of what crops a little beside them give."""
        here = Region.around(points)
        crops = (
            Region(here.x + x * here.size, here.y + y * here.size, here.size * scale, here.angle) for x, y, scale in MORE_CROPS
        )
        more = [found for found in (self._tracker.fit(frame, crop) for crop in crops) if found is not None]
        return np.asarray(np.mean([points, *more], axis=0), dtype=np.float32)

    def _keep(self, points: FloatArray) -> None:
        here = Region.around(points)
        if self._region is not None and self._last is not None:
            self._shift = (here.x - self._last.x, here.y - self._last.y)
        else:
            self._shift = (0.0, 0.0)
        self._region = self._last = here
        self._lost = 0
        self._age += 1
        self.people = max(self.people, 1)

    def _follow(self, frame: Frame) -> FloatArray | None:
        region = self._region
        if region is None:
            return None
        reach = FARTHEST_STEP / 2 * region.size
        ahead = (max(-reach, min(reach, shift)) for shift in self._shift)
        points = self._tracker.fit(frame, replace(region, x=region.x + next(ahead), y=region.y + next(ahead)))
        if points is None:
            return None
        here = Region.around(points)
        close = any(here.distance(other) < WITHIN_REACH for other in self._near)
        sure = can_be_next(region, here) and not self._look.changed(frame, points)
        due = not sure or close or self._failed > 0 or self._age % CHECK_FRAMES == 0
        if due and not self._is_person(Likeness.of(frame, points), steady=sure, close=close):
            return None
        if self._age % (CLOSE_WATCH_FRAMES if close else self._watch_frames) == 0:
            self._watch(frame, here)
        return points

    def _is_person(self, likeness: Likeness, *, steady: bool, close: bool) -> bool:
        """Whether this is still the person. steady: nothing about the face changed suddenly; close: somebody is within reach

        Where nothing changed suddenly it is, however the head turns, unless it looks more like somebody else.
        """
        distance = self.identity.distance(likeness)
        trusted = steady and self._failed == 0
        if math.isfinite(distance) and (distance < STRANGER or trusted):
            self._failed = 0
            if not self._near and (distance < CERTAIN or trusted):
                self.identity.own.learn(likeness)
            return True
        self._failed += 1
        return math.isfinite(distance) and not close and self._failed <= MOST_FAILED_CHECKS

    def _watch(self, frame: Frame, here: Region) -> None:
        """Look who else is there."""
        since, self._watched = self._age - self._watched, self._age
        self._near = []
        for guess in self._tracker.find(frame):
            if guess.size < SMALLEST_SHARE * here.size or guess.overlap(here) > SAME_PLACE:
                continue
            points = self._tracker.fit(frame, guess)
            if points is None:
                continue
            region = Region.around(points)
            if region.overlap(here) < SAME_PLACE and region.size > SMALLEST_SHARE * here.size:
                self._near.append(region)
                self.identity.others.learn(Likeness.of(frame, points))
        self.people = max(self.people, 1 + len(self._near))
        if self._near:
            self.company += min(WATCH_SECONDS, since / self._frame_rate)

    def _search(self, frame: Frame) -> FloatArray | None:
        """Look for the person anywhere; None: not there."""
        faces = self._faces_anywhere(frame)
        self._searches += 1
        self.people = max(self.people, len(faces))
        if not faces:
            return None
        chosen = min(faces, key=self._strangeness) if self.identity.known else faces[0]
        is_person = not self.identity.known or self._strangeness(chosen) <= STRANGER
        others = [face for face in faces if not is_person or face is not chosen]
        if others:
            self.company += 1 / self._frame_rate
        for face in others:
            if is_person or self.identity.own.distance(face.likeness) > CERTAIN_STRANGER:
                self.identity.others.learn(face.likeness)
        if not is_person:
            self.refused += 1
            return None
        if not self.identity.known:
            self.identity.own.learn(chosen.likeness)
        self._near = [face.region for face in others]
        self._region, self._searches, self._failed = None, 0, 0
        return chosen.points

    def _faces_anywhere(self, frame: Frame) -> list[Sighting]:
        """Faces of a size that counts, in the whole picture, or where that shows nobody, in parts of it."""
        areas = search_areas(frame)
        if self._last is None and self._searches == 0:
            # At the very first, and after a cut, every part at once: these frames count.
            looks: list[Region | None] = [None, *areas]
        elif self._searches % 2 == 0:
            looks = [None]
        else:
            looks = [areas[self._searches // 2 % len(areas)]]
        for area in looks:
            faces = all_faces(self._tracker, frame, area)
            if faces:
                return [face for face in faces if face.region.size > SMALLEST_SHARE * faces[0].region.size]
        return []

    def _strangeness(self, face: Sighting) -> float:
        """Distance from the person, less for a face at the very place where the person was just lost."""
        distance = self.identity.distance(face.likeness)
        recent = self._last is not None and 0 < self._lost <= SHORT_LOSS_FRAMES
        if recent and self._last is not None and can_be_next(self._last, face.region):
            return distance - (CERTAIN_STRANGER - STRANGER)
        return distance
