"""A finished video at a glance: what its rows and spans say is so."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.contracts import RenderOptions, SilentReporter
from lipsync.overview import runs
from lipsync.resynth import render
from tests.lipsync.media import ffmpeg

CLIP_SECONDS, HIDDEN, RATE = 5.0, (2.0, 3.0), 25


@pytest.fixture(scope="module")
def told(synthetic_take, tmp_path_factory):
    """What is told of a video whose clip has a gap and is shorter than its voice, which is silent for a second."""
    folder = tmp_path_factory.mktemp("overview")
    clip, voice = folder / "clip.mp4", folder / "voice.wav"
    hidden = f"drawbox=c=gray:t=fill:enable='between(t,{HIDDEN[0]},{HIDDEN[1]})'"
    ffmpeg("-i", synthetic_take.clip, "-t", CLIP_SECONDS, "-vf", hidden, "-crf", "18", "-c:a", "aac", clip)
    ffmpeg("-i", synthetic_take.voice, "-t", "7", "-af", "volume=enable='between(t,0,1)':volume=0", voice)
    report = render(clip, voice, folder / "out.mp4", RenderOptions(overview=True), SilentReporter())
    return report.overview | {"frames": report.frames}


def test_its_rows_cover_the_whole_video(told):
    count = len(told["loudness"])
    assert len(told["wanted"]) == len(told["painted"]) == count
    assert count * told["step"] == pytest.approx(told["frames"] / RATE, abs=0.01)


def test_silence_and_speech_lie_where_they_are_heard(told):
    second = round(1 / told["step"])
    assert max(told["loudness"][: second - 2]) == 0
    assert max(told["loudness"][second:]) == 100
    heard = next(point for point, loudness in enumerate(told["loudness"]) if loudness > 50) * told["step"]
    assert told["speech"][0][0] == pytest.approx(heard, abs=0.15)
    assert [name for name, start, _end in told["sounds"] if start < 0.9] == []
    assert [name for name, start, _end in told["sounds"] if start > heard] != []
    assert max(told["wanted"][: second - 5]) < 0.5 * max(told["wanted"][second:])


def test_where_the_take_passes_is_told_with_the_reason_wherever_it_comes_again(told):
    first, *again = told["passed"]
    assert first == (pytest.approx(HIDDEN[0], abs=0.25), pytest.approx(HIDDEN[1], abs=0.25), "no_face")
    assert [reason for _start, _end, reason in again] == ["no_face"]  # once more on the way back
    hidden = round(2.5 / told["step"])
    assert told["painted"][hidden] is None
    assert told["painted"][round(1.5 / told["step"])] == told["wanted"][round(1.5 / told["step"])]


def test_its_runs_say_which_frame_of_the_take_lies_below(told):
    assert told["runs"][0] == (0, 0, 1)
    assert [step for _first, _frame, step in told["runs"]] == [1, -1]


@pytest.mark.parametrize(
    "base", [[0, 1, 2, 3], [0, 1, 2, 1, 0, 1], [5], [3, 3, 3, 4, 5, 1, 2], [0, 7, 3, 3], [9, 8, 7, 20, 21, 20, 20]]
)
def test_runs_can_be_played_back(base):
    found = runs(np.array(base, dtype=np.int32))
    ends = [first for first, _, _ in found[1:]] + [len(base)]
    stretches = zip(found, ends, strict=True)
    played = [frame + step * number for (first, frame, step), end in stretches for number in range(end - first)]
    assert played == base
