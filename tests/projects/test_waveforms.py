"""Voices are drawn as they are taken in; long ones, and those of an earlier version, a little later."""

from __future__ import annotations

from pathlib import Path

import pytest

from projects import bin, tasks, uploads, waveforms
from projects.models import AudioTrack, Project
from tests import making

QUIET = "volume=-18dB"  # of a tone that lies 18 dB below full scale


def taken_in(project: Project, folder: Path, *filters: str) -> AudioTrack:
    path = folder / "a.wav"
    making.media("-f", "lavfi", "-i", "sine=frequency=440:duration=1", *(("-af", *filters) if filters else ()), str(path))
    return uploads.add_track(project=project, uploaded_file=making.upload(path))


def test_a_new_voice_is_drawn_at_once(project: Project, tmp_path: Path) -> None:
    track = taken_in(project, tmp_path)
    assert track.loudest is not None
    assert track.loudest > 20
    assert not track.is_silent
    assert not track.is_quiet


@pytest.mark.parametrize(("filters", "silent", "quiet"), [("volume=0", True, False), (QUIET, False, True)])
def test_what_can_hardly_be_heard_is_known(project: Project, tmp_path: Path, filters: str, silent: bool, quiet: bool) -> None:
    track = taken_in(project, tmp_path, filters)
    assert (track.is_silent, track.is_quiet) == (silent, quiet)


def test_a_long_voice_is_drawn_by_the_housekeeping_lane(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waveforms, "AT_ONCE_SECONDS", 0.5)
    track = taken_in(project, tmp_path)
    assert track.peaks is None
    tasks.sweep()
    track.refresh_from_db()
    assert track.loudest is not None


def test_what_cannot_be_drawn_is_tried_once(track: AudioTrack) -> None:
    track.path.write_bytes(b"no sound at all " * 50)
    assert waveforms.draw_missing(10.0) == 1
    assert waveforms.draw_missing(10.0) == 0
    track.refresh_from_db()
    assert track.loudest is None


def test_what_lies_in_the_bin_is_left(track: AudioTrack) -> None:
    bin.put(track, by=track.project.owner)
    assert waveforms.draw_missing(10.0) == 0


def test_no_time_is_no_drawing(track: AudioTrack) -> None:
    assert waveforms.draw_missing(0.0) == 0
