"""A recording as a drawing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lipsync.errors import UnusableInput
from lipsync.media import sound_peaks
from lipsync.media.peaks import PEAKS
from tests import making


def sound(path: Path, source: str, *filters: str) -> Path:
    making.media("-f", "lavfi", "-i", source, *(("-af", ",".join(filters)) if filters else ()), str(path))
    return path


@pytest.mark.parametrize("seconds", [0.05, 1.5, 200.0])
def test_a_sound_of_any_length_has_as_many(tmp_path: Path, seconds: float) -> None:
    assert len(sound_peaks(sound(tmp_path / "a.wav", f"sine=frequency=440:duration={seconds}"))) == PEAKS


@pytest.mark.parametrize("seconds", [6, 130])
def test_they_are_where_the_sound_is(tmp_path: Path, seconds: int) -> None:
    half = seconds / 2
    peaks = sound_peaks(sound(tmp_path / "a.wav", f"sine=frequency=440:duration={half}", "volume=2", f"apad=pad_dur={half}"))
    assert min(peaks[1 : PEAKS // 2 - 1]) > 50
    assert max(peaks[PEAKS // 2 + 2 :]) == 0


def test_they_are_shares_of_full_scale(tmp_path: Path) -> None:
    loud = sound_peaks(sound(tmp_path / "a.wav", "sine=frequency=440:duration=2"))
    quiet = sound_peaks(sound(tmp_path / "b.wav", "sine=frequency=440:duration=2", "volume=-12dB"))
    assert max(quiet) == pytest.approx(max(loud) / 4, abs=1)


def test_silence_is_flat(tmp_path: Path) -> None:
    assert set(sound_peaks(sound(tmp_path / "a.wav", "anullsrc=duration=2"))) == {0}


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"no sound at all " * 50)
    with pytest.raises(UnusableInput):
        sound_peaks(path)
