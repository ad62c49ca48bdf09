"""The bank: mouths that this speaker really made, cut out of the take, at most so many of them.

Frames are offered one by one as the take streams by. Once the bank is full, whole short runs of frames are dropped where
others look much the same, so that what stays covers the speaker's mouth shapes and head poses and still holds
neighbouring frames, which retrieval likes to play in their order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from lipsync.faces.landmarks import APERTURE_PAIRS, CORNERS, LEFT_EYE, LIP_OUTLINE, LIPS, MOUTH_RING, RIGHT_EYE
from lipsync.faces.tracker import FloatArray
from lipsync.gate import LARGEST_YAW_DEGREES, SMALLEST_IOD_PIXELS
from lipsync.media.frames import Frame, UInt8Array

LARGEST_COUNT = 1500
# What the bank may hold; it is thinned out to four fifths of it when it holds more.
LARGEST_BYTES = 120 * 2**20
CROP_MARGIN_IOD = 0.22
RUN_FRAMES = 8
SHARPNESS_WIDTH_PIXELS = 72
# One step in each direction of the look of a mouth: aperture and width in IOD, then left-right and up-down turn.
LOOK_STEPS = np.array([0.03, 0.03, 0.15, 0.15])
# Clearly beyond what the gate lets through, as one frame alone tells it: thinning would keep such looks for being rare.
MOST_TURNED = float(np.sin(np.radians(LARGEST_YAW_DEGREES + 10)))
FEWEST_PIXELS = 0.8 * SMALLEST_IOD_PIXELS

_MAGIC = b"heygem mouths 1\n"
_INDEX = np.dtype(
    [("number", "<i8"), ("left", "<i4"), ("top", "<i4"), ("height", "<i4"), ("width", "<i4"), ("start", "<i8")]
    + [("sharpness", "<f8"), ("look", "<f8", (4,))]
)


@dataclass(frozen=True, slots=True)
class Mouth:
    """One mouth cut out of the take.

    number: its frame in the take; left, top: px of the crop in the frame, even
    y: (h, w); u, v: (h / 2, w / 2) uint8
    sharpness: log standard deviation of the Laplacian over the lips at 72 px width
    look: (4,) aperture, width, turn sideways, turn up and down
    """

    number: int
    left: int
    top: int
    y: UInt8Array
    u: UInt8Array
    v: UInt8Array
    sharpness: float
    look: npt.NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        """Bytes of its samples."""
        return self.y.nbytes + self.u.nbytes + self.v.nbytes


@dataclass(slots=True)
class BankBuilder:
    """Collects mouths while the take streams by.

    held: bytes of all samples, whatever the size of each mouth: a head that comes close for a moment costs its own share
    """

    mouths: list[Mouth] = field(default_factory=list)
    largest_count: int = LARGEST_COUNT
    largest_bytes: int = LARGEST_BYTES
    held: int = 0

    def offer(self, number: int, frame: Frame, points: FloatArray, sharpness: float) -> None:
        """Add the frame's mouth if it is one to borrow, and thin the bank out when it has grown too large.

        sharpness: as `lip_sharpness` gives it
        """
        mouth = _cut(number, frame, points, sharpness)
        if mouth is None:
            return
        self.mouths.append(mouth)
        self.held += mouth.nbytes
        if len(self.mouths) > self.largest_count * 5 // 4 or self.held > self.largest_bytes:
            self.mouths = _thin(self.mouths, self.largest_count, self.largest_bytes * 4 // 5)
            self.held = sum(mouth.nbytes for mouth in self.mouths)

    def finish(self) -> list[Mouth]:
        """The bank's mouths in the order of their frames."""
        return list(self.mouths)


def _cut(number: int, frame: Frame, points: FloatArray, sharpness: float) -> Mouth | None:
    flat = points[:, :2]
    size = _size(points)
    look = _look(points, size)
    if size < FEWEST_PIXELS or abs(look[2]) > MOST_TURNED:
        return None
    around = flat[np.concatenate([LIPS, MOUTH_RING])]
    low = np.floor(around.min(axis=0) - CROP_MARGIN_IOD * size).astype(int)
    high = np.ceil(around.max(axis=0) + CROP_MARGIN_IOD * size).astype(int)
    left, top = max(0, low[0]) // 2 * 2, max(0, low[1]) // 2 * 2
    right, bottom = min(frame.width, high[0] + 1) // 2 * 2, min(frame.height, high[1] + 1) // 2 * 2
    lips = flat[LIP_OUTLINE]
    inside = lips.min() >= 0 and lips[:, 0].max() < frame.width and lips[:, 1].max() < frame.height
    if not inside or right - left < 16 or bottom - top < 16:
        return None
    half = np.s_[top // 2 : bottom // 2, left // 2 : right // 2]
    return Mouth(
        number,
        left,
        top,
        frame.y[top:bottom, left:right].copy(),
        frame.u[half].copy(),
        frame.v[half].copy(),
        sharpness,
        look,
    )


def lip_sharpness(frame: Frame, points: FloatArray) -> float:
    """Log standard deviation of the Laplacian of the luma over the lips, scaled to 72 px width.

    points: (len(KEPT), 3) px
    """
    lips, size = points[LIP_OUTLINE, :2], _size(points)
    low = np.maximum((lips.min(axis=0) - 0.1 * size).astype(int), 0)
    high = (lips.max(axis=0) + 0.1 * size).astype(int)
    crop = frame.y[low[1] : high[1], low[0] : high[0]]
    scale = SHARPNESS_WIDTH_PIXELS / max(1, crop.shape[1])
    shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    width, height = SHARPNESS_WIDTH_PIXELS, max(2, round(crop.shape[0] * scale))
    if min(crop.shape) < 4:
        return 0.0
    return float(np.log(cv2.Laplacian(cv2.resize(crop, (width, height), interpolation=shrink), cv2.CV_32F).std() + 1e-3))


def _size(points: FloatArray) -> float:
    return float(np.linalg.norm(points[RIGHT_EYE].mean(axis=0) - points[LEFT_EYE].mean(axis=0)))


def _look(points: FloatArray, size: float) -> npt.NDArray[np.float64]:
    upper, lower = APERTURE_PAIRS
    aperture = np.linalg.norm(points[upper] - points[lower], axis=1).mean() / size
    width = np.linalg.norm(points[CORNERS[0]] - points[CORNERS[1]]) / size
    across = points[LEFT_EYE].mean(axis=0) - points[RIGHT_EYE].mean(axis=0)
    down = points[MOUTH_RING].mean(axis=0) - (points[LEFT_EYE].mean(axis=0) + points[RIGHT_EYE].mean(axis=0)) / 2
    return np.array([aperture, width, across[2] / size, down[2] / size])


def _thin(mouths: list[Mouth], most: int, room: int) -> list[Mouth]:
    """Farthest-point choice of runs (Gonzalez 1985): each next run is the one least like those already chosen.

    most: mouths; room: bytes
    """
    runs = [mouths[start : start + RUN_FRAMES] for start in range(0, len(mouths), RUN_FRAMES)]
    sizes = [sum(mouth.nbytes for mouth in run) for run in runs]
    looks = np.array([np.mean([mouth.look for mouth in run], axis=0) for run in runs]) / LOOK_STEPS
    peaks = np.array([max(mouth.look[0] for mouth in run) for run in runs])[:, None] / LOOK_STEPS[0]
    places = np.concatenate([looks, peaks], axis=1)
    chosen = [0]
    distance = np.linalg.norm(places - places[0], axis=1)
    count, held = len(runs[0]), sizes[0]
    while len(chosen) < len(runs):
        distance[chosen] = -1
        farthest = int(distance.argmax())
        count, held = count + len(runs[farthest]), held + sizes[farthest]
        if count > most or held > room:
            break
        chosen.append(farthest)
        distance = np.minimum(distance, np.linalg.norm(places - places[farthest], axis=1))
    return [mouth for index in sorted(chosen) for mouth in runs[index]]


def usable_mouths(mouths: list[Mouth], weight: FloatArray) -> list[Mouth]:
    """The mouths that may be borrowed: from frames whose own mouth may be changed wholly, or where none is such, partly.

    weight: (n,) 0 to 1 for every frame of the take, see `MouthSpace.weight`. All of them where none may be changed at all.
    """
    wholly = [mouth for mouth in mouths if weight[mouth.number] >= 1]
    return wholly or [mouth for mouth in mouths if weight[mouth.number] > 0] or mouths


def save_bank(path: Path, mouths: list[Mouth]) -> None:
    """Write the mouths to one flat file: a mark, their number, an index of fixed records, then all samples."""
    index = np.zeros(len(mouths), dtype=_INDEX)
    start = 0
    for row, mouth in zip(index, mouths, strict=True):
        height, width = mouth.y.shape
        for name, value in (("number", mouth.number), ("left", mouth.left), ("top", mouth.top), ("start", start)):
            row[name] = value
        row["height"], row["width"], row["sharpness"], row["look"] = height, width, mouth.sharpness, mouth.look
        start += height * width * 3 // 2
    with path.open("wb") as file:
        file.write(_MAGIC + len(mouths).to_bytes(8, "little"))
        file.write(index.tobytes())
        for mouth in mouths:
            for plane in (mouth.y, mouth.u, mouth.v):
                file.write(np.ascontiguousarray(plane).data)


def load_bank(path: Path) -> list[Mouth]:
    """The mouths of a file by `save_bank`; their samples stay in the file and are read when they are looked at.

    Raises ValueError where the file is not whole or not such a file; OSError where it cannot be read.
    """
    head = len(_MAGIC) + 8
    if path.stat().st_size < head:
        raise ValueError(f"{path} is no bank of mouths")
    data = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
    count = int.from_bytes(data[len(_MAGIC) : head].tobytes(), "little")
    samples = head + count * _INDEX.itemsize
    if data[: len(_MAGIC)].tobytes() != _MAGIC or len(data) < samples:
        raise ValueError(f"{path} is no bank of mouths")
    index = data[head:samples].view(_INDEX)
    if len(data) != samples + int((index["height"].astype(np.int64) * index["width"] * 3 // 2).sum()):
        raise ValueError(f"{path} is no whole bank of mouths")
    return [_loaded(row, data[samples:]) for row in index]


def _loaded(row: np.void, samples: UInt8Array) -> Mouth:
    height, width, start = int(row["height"]), int(row["width"]), int(row["start"])
    size = height * width
    planes = samples[start : start + size * 3 // 2]
    u, v = planes[size:].reshape(2, height // 2, width // 2)
    place = (int(row["number"]), int(row["left"]), int(row["top"]))
    return Mouth(*place, planes[:size].reshape(height, width), u, v, float(row["sharpness"]), np.array(row["look"]))
