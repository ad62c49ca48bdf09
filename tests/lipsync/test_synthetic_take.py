"""The synthetic take as others use it: complete, trackable, and with a mouth that does what its truth file says."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import mediapipe
import numpy as np
import pytest
from numpy.typing import NDArray

from lipsync.errors import EnvironmentFault
from lipsync.media import probe_clip, probe_voice
from lipsync.synthetic import take
from lipsync.synthetic.__main__ import main
from lipsync.synthetic.take import SyntheticTake

CLOSED = 0.85


@dataclass(frozen=True)
class Measured:
    """One value for each frame, in distances of the outer eye corners; nan where no face was found."""

    aperture: NDArray[np.float64]
    width: NDArray[np.float64]
    eyes: NDArray[np.float64]


@pytest.fixture(scope="module")
def measured(synthetic_take: SyntheticTake) -> Measured:
    """The lips and lids as MediaPipe's face mesh sees them in the encoded film."""
    rows = []
    film = cv2.VideoCapture(str(synthetic_take.clip))
    with mediapipe.solutions.face_mesh.FaceMesh(refine_landmarks=True, max_num_faces=1) as mesh:
        while True:
            more, frame = film.read()
            if not more:
                break
            found = mesh.process(np.ascontiguousarray(frame[..., ::-1])).multi_face_landmarks
            if not found:
                rows.append((np.nan,) * 3)
                continue
            points = np.array([[p.x * frame.shape[1], p.y * frame.shape[0]] for p in found[0].landmark])

            def apart(a: int, b: int, points: NDArray[np.float64] = points) -> float:
                return float(np.linalg.norm(points[a] - points[b]))

            lids = (apart(159, 145) + apart(386, 374)) / 2
            rows.append(tuple(length / apart(33, 263) for length in (apart(13, 14), apart(61, 291), lids)))
    film.release()
    return Measured(*np.array(rows).T)


@pytest.fixture(scope="module")
def truth(synthetic_take: SyntheticTake) -> dict[str, NDArray[np.float32]]:
    """What was intended in every frame."""
    with np.load(synthetic_take.truth) as file:
        return {name: file[name] for name in file.files}


def correlation(left: NDArray[np.floating], right: NDArray[np.floating]) -> float:
    return float(np.corrcoef(left, right)[0, 1])


def test_the_take_is_20_seconds_of_512_pixels_with_sound(synthetic_take: SyntheticTake) -> None:
    facts = probe_clip(synthetic_take.clip)
    assert (facts.width, facts.height, facts.frame_rate) == (512, 512, Fraction(25))
    assert (facts.codec, facts.has_sound, facts.variable_rate) == ("h264", True, False)
    assert facts.duration == pytest.approx(20, abs=0.05)


def test_the_second_voice_is_8_to_12_seconds(synthetic_take: SyntheticTake) -> None:
    assert 8 <= probe_voice(synthetic_take.voice).duration <= 12


def test_the_truth_has_a_value_for_every_frame(truth: dict[str, NDArray[np.float32]]) -> None:
    assert float(truth["frame_rate"]) == 25
    for name in ("aperture", "width", "protrusion", "jaw", "closure"):
        assert truth[name].shape == (500,)
        assert np.isfinite(truth[name]).all()


def test_a_face_is_found_in_every_frame(measured: Measured) -> None:
    assert len(measured.aperture) == 500
    assert np.isfinite(measured.aperture).all()


def test_the_lips_open_as_intended(measured: Measured, truth: dict[str, NDArray[np.float32]]) -> None:
    assert correlation(measured.aperture, truth["aperture"]) >= 0.93


def test_the_mouth_is_as_wide_as_intended(measured: Measured, truth: dict[str, NDArray[np.float32]]) -> None:
    assert correlation(measured.width, truth["width"]) >= 0.90


def test_the_lips_touch_where_they_should(measured: Measured, truth: dict[str, NDArray[np.float32]]) -> None:
    closed = truth["closure"] > CLOSED
    assert closed.sum() > 30
    assert measured.aperture[closed].max() < 0.03


def test_the_mouth_moves_on_the_intended_frame(measured: Measured, truth: dict[str, NDArray[np.float32]]) -> None:
    middle = slice(5, -5)
    by_lag = {lag: correlation(np.roll(measured.aperture, -lag)[middle], truth["aperture"][middle]) for lag in range(-4, 5)}
    assert max(by_lag, key=lambda lag: by_lag[lag]) == 0


def test_it_speaks_with_open_rounded_and_spread_mouths(truth: dict[str, NDArray[np.float32]]) -> None:
    assert truth["aperture"].max() > 0.11
    assert truth["protrusion"].max() > 0.8
    assert np.percentile(truth["width"], 95) / truth["width"].min() > 1.4


def test_the_eyes_blink_now_and_then(measured: Measured) -> None:
    shut = measured.eyes < 0.5 * np.median(measured.eyes)
    blinks = int((np.diff(shut.astype(int)) == 1).sum())
    assert 4 <= blinks <= 10


def test_it_is_labelled_in_the_corner(synthetic_take: SyntheticTake) -> None:
    film = cv2.VideoCapture(str(synthetic_take.clip))
    _, frame = film.read()
    film.release()
    corner, opposite = frame[-24:, 8:150].astype(int), frame[-24:, -150:-8].astype(int)
    assert corner.max() - corner.min() > 100 > opposite.max() - opposite.min()


def test_it_is_not_made_again_when_it_is_there(synthetic_take: SyntheticTake, capsys: pytest.CaptureFixture[str]) -> None:
    before = synthetic_take.clip.stat().st_mtime_ns
    assert main([str(synthetic_take.clip.parent)]) == 0
    assert "is there already" in capsys.readouterr().out
    assert synthetic_take.clip.stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", ["another version", "a changed file", "a missing file", "no manifest"])
def test_it_is_made_again_when_anything_differs(synthetic_take: SyntheticTake, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "demo"
    shutil.copytree(synthetic_take.clip.parent, folder)
    assert take.is_current(folder)
    manifest = folder / take.MANIFEST
    if damage == "another version":
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": "0"}))
    elif damage == "a changed file":
        (folder / "voice.wav").write_bytes(b"changed")
    elif damage == "a missing file":
        (folder / "truth.npz").unlink()
    else:
        manifest.unlink()
    assert not take.is_current(folder)


def test_nothing_is_left_when_making_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise EnvironmentFault("no_space", "The disk is full.")

    monkeypatch.setattr(take, "_film", fail)
    with pytest.raises(EnvironmentFault):
        take.make(tmp_path / "demo")
    assert list((tmp_path / "demo").iterdir()) == []


def test_it_says_so_when_the_folder_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main([str(tmp_path / "file" / "demo")]) == 3
    assert "Choose another folder" in capsys.readouterr().err
