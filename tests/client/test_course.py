"""Lists of videos, as spreadsheets write them."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from heygem_client import Refused, course


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.mp4", "b.mp4", "de.wav", "es.wav"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "course.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_each_line_is_a_video(folder: Path) -> None:
    known = str(uuid.uuid4())
    text = f'clip,voice,language,lecturer,name\na.mp4,de.wav,de,"Li, Wei",Lesson 1\n\n{known},es.wav,es,,\n'
    first, second = course.read(written(folder, text))
    assert (first.clip, first.name) == (course.Source(folder / "a.mp4", "", "Li, Wei"), "Lesson 1")
    assert (first.voice.path, first.voice.said) == (folder / "de.wav", "de")
    assert (second.clip.path, second.clip.id) == (None, known)


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_spreadsheets_of_other_countries_are_read(folder: Path, separator: str) -> None:
    text = "Voice,Clip \r\nde.wav,a.mp4\r\n".replace(",", separator)
    assert course.read(written(folder, text, "utf-8-sig"))[0].clip.path == folder / "a.mp4"


def test_a_matrix_is_every_clip_with_every_voice(folder: Path) -> None:
    text = "clip,voice,language\na.mp4,de.wav,de\nb.mp4,es.wav,es\n,de.wav,de\n"
    lines = course.read(written(folder, text), matrix=True)
    pairs = [(line.clip.path.name, line.voice.said) for line in lines]
    assert pairs == [("a.mp4", "de"), ("a.mp4", "es"), ("b.mp4", "de"), ("b.mp4", "es")]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("clip,voice\na.mp4,fr.wav\n", "line", "line 2.*fr.wav"),
        ("clip,voice\na.mp4,\n", "line", "line 2.*voice is empty"),
        ("clip,voice\na.mp4,de.wav,de\n", "line", "line 2.*more cells"),
        ("clip,voice,tone\na.mp4,de.wav,high\n", "columns", "'tone'"),
        ("clip\na.mp4\n", "columns", "clip and voice"),
        ("clip,voice\n", "empty_list", "no clip"),
        ("", "columns", "clip and voice"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_sent(folder: Path, text: str, code: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        course.read(written(folder, text))
    assert refused.value.code == code


def test_a_list_that_is_no_text_is_refused(folder: Path) -> None:
    with pytest.raises(Refused, match="UTF-8"):
        course.read(written(folder, "clip,voice\nBücher.mp4,de.wav\n", "latin-1"))
    with pytest.raises(Refused, match="cannot be read"):
        course.read(folder / "missing.csv")
