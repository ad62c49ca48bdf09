"""What the machine refuses is told in the engine's words, and nothing that is read is overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lipsync.cache import analysed
from lipsync.clock import Clock
from lipsync.contracts import SilentReporter
from lipsync.errors import EnvironmentFault, UnusableInput
from lipsync.machine import check_output, writing_to
from lipsync.media import probe_clip
from lipsync.media.ffmpeg import Tool
from lipsync.rows import RowWriter
from lipsync.sound import generic
from tests.lipsync.media import counting_clip, ffmpeg


@pytest.fixture
def full(tmp_path):
    """A file on a disk that is full."""
    path = tmp_path / "rows"
    path.symlink_to("/dev/full")
    return path


def test_a_full_disk_is_told(full, tmp_path):
    with pytest.raises(EnvironmentFault, match="is full") as caught, writing_to(tmp_path):
        full.write_bytes(b"x")
    assert caught.value.code == "no_space"


def test_a_full_disk_is_told_when_rows_are_still_in_memory(full):
    with pytest.raises(EnvironmentFault) as caught, RowWriter(full, (3,)) as writer:
        writer.append(np.zeros(3, dtype=np.float32))
    assert caught.value.code == "no_space"


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault) as caught, writing_to(tmp_path / "file"):
        (tmp_path / "file").mkdir(exist_ok=True)
    assert caught.value.code == "not_writable"


def test_a_program_that_does_not_start_is_told(tmp_path):
    with pytest.raises(EnvironmentFault, match="no-such-program cannot be started") as caught:
        Tool([str(tmp_path / "no-such-program")])
    assert caught.value.code == "cannot_start"


def test_a_file_of_the_engine_that_is_missing_is_no_fault_of_the_disk(synthetic_take, tmp_path, monkeypatch):
    clip = tmp_path / "clip.mp4"
    ffmpeg("-i", synthetic_take.clip, "-t", "1", "-an", "-c:v", "libx264", clip)
    monkeypatch.setattr(generic, "WEIGHTS", tmp_path / "gone.npz")
    generic.generic_mouth.cache_clear()
    with pytest.raises(FileNotFoundError), analysed(clip, probe_clip(clip), None, tmp_path, Clock(SilentReporter())):
        pass


def test_an_input_is_known_by_any_name(tmp_path):
    clip = counting_clip(tmp_path / "clip.mp4", frames=3)
    (tmp_path / "link.mp4").symlink_to(clip)
    (tmp_path / "twin.mp4").hardlink_to(clip)
    for name in ("clip.mp4", "link.mp4", "twin.mp4"):
        with pytest.raises(UnusableInput) as caught:
            check_output(tmp_path / name, tmp_path / "voice.wav", clip)
        assert caught.value.code == "output_is_input"
    check_output(tmp_path / "other.mp4", tmp_path / "voice.wav", clip)


def test_nothing_takes_the_place_of_a_folder_or_a_device(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (Path(os.devnull), tmp_path / "pipe", tmp_path):
        with pytest.raises(EnvironmentFault, match=r"it is a (folder|device)") as caught:
            check_output(path)
        assert caught.value.code == "not_writable"
