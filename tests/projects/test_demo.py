"""`manage.py demo`: the main job through the real path, and an exit code that says who can help."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from lipsync.media import probe_clip
from tests import making

SECONDS = 4.0
VOICE = 2.5


@pytest.fixture
def data(tables: Path, tmp_path: Path) -> Path:
    """A data folder with its tables."""
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(tables, folder)
    return folder


def demo(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it on a data folder of its own."""
    return subprocess.run(
        [sys.executable, "manage.py", "demo", *words],
        cwd=settings.BASE_DIR,
        env={**os.environ, "HEYGEM_DATA": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.mark.slow
def test_a_take_and_a_voice_become_a_video_of_the_voices_length(tmp_path: Path, talking_take: tuple[Path, Path]) -> None:
    take, voice = tmp_path / "take.mp4", tmp_path / "voice.wav"
    making.media("-i", str(talking_take[0]), "-t", str(SECONDS), "-c", "copy", str(take))
    making.media("-i", str(talking_take[1]), "-t", str(VOICE), str(voice))
    done = demo(tmp_path / "data", "--clip", str(take), "--voice", str(voice))
    assert done.returncode == 0, done.stdout + done.stderr
    video = re.search(r"^Video: +(.+)$", done.stdout, re.MULTILINE)
    assert video is not None
    facts = probe_clip(Path(video[1]))
    assert facts.duration == pytest.approx(VOICE, abs=1 / float(facts.frame_rate))
    assert (facts.codec, facts.has_sound) == ("h264", True)
    assert "Seconds per stage:" in done.stdout
    assert "Quality:" in done.stdout
    assert not list((tmp_path / "data" / "scratch").glob("*.1"))


@pytest.mark.slow
def test_a_take_without_a_face_is_the_users_matter(data: Path, clip_file: Path, voice_file: Path) -> None:
    done = demo(data, "--clip", str(clip_file), "--voice", str(voice_file))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert re.search(r"\((no_face|\w+)\)\s*$", done.stderr.strip())


def test_a_text_renamed_to_mp4_is_the_users_matter(tmp_path: Path, data: Path, voice_file: Path) -> None:
    text = tmp_path / "take.mp4"
    text.write_text("not a film\n" * 50)
    done = demo(data, "--clip", str(text), "--voice", str(voice_file))
    assert done.returncode == 2
    assert "(not_a_video)" in done.stderr
    assert not list((data / "clips").iterdir())


def test_a_missing_file_is_the_users_matter(data: Path, voice_file: Path) -> None:
    done = demo(data, "--clip", "/nowhere.mp4", "--voice", str(voice_file))
    assert done.returncode == 2
    assert "/nowhere.mp4" in done.stderr


def test_a_full_disk_is_the_machines_matter(data: Path, clip_file: Path, voice_file: Path) -> None:
    words = ("--clip", str(clip_file), "--voice", str(voice_file))
    done = demo(data, *words, FREE_SPACE_FLOOR_MB="9999999")
    assert done.returncode == 3
    assert "(no_space)" in done.stderr
