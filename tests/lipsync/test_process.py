"""The engine as a process: a card is asked for in a line and comes in a line."""

from __future__ import annotations

import io
import json

import pytest

from lipsync.media import SoundChoice
from lipsync.process import options_from, serve


def asked(**request) -> list[dict]:
    answers = io.StringIO()
    serve(io.StringIO(json.dumps({"id": "1", **request}) + "\n"), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_a_clip_is_judged_and_drawn(synthetic_take, tmp_path):
    request = {"clip": str(synthetic_take.clip), "picture": str(tmp_path / "strip.jpg"), "options": {"cache": str(tmp_path)}}
    last = asked(verb="preflight", **request)[-1]
    assert last["event"] == "done"
    assert last["result"]["verdict"] == "ready"
    assert (tmp_path / "strip.jpg").exists()
    assert not any(event["event"] == "stage" for event in asked(verb="preflight", **request)), "the clip was looked at again"


def test_a_bad_choice_is_an_error_with_a_code(synthetic_take, tmp_path):
    request = {"clip": str(synthetic_take.clip), "voice": str(synthetic_take.voice), "output": str(tmp_path / "out.mp4")}
    for options, code in (({"codec": "theora"}, "unknown_codec"), ({"longer": "stretch"}, "unknown_length_mode")):
        last = asked(verb="render", options=options, **request)[-1]
        assert (last["event"], last["family"], last["code"]) == ("error", "input", code)


def test_the_sound_is_left_alone_unless_the_request_says_so():
    assert options_from({}).sound == SoundChoice()
    assert options_from({"denoise": True, "loudness": False}).sound == SoundChoice(denoise=True)


@pytest.mark.parametrize("point", [[0.5], [0.1] * 7, [0.5, 0.5, float("nan")], [0.5, 1.5], [0.5, 0.5, -1], ["left", "top"], 3])
def test_a_point_that_is_none_is_an_error_with_a_code(synthetic_take, tmp_path, point):
    request = {"clip": str(synthetic_take.clip), "options": {"cache": str(tmp_path), "point": point}}
    last = asked(verb="preflight", **request)[-1]
    assert (last["event"], last["family"], last["code"]) == ("error", "input", "bad_point")


def test_the_picture_never_overwrites_the_clip(synthetic_take, tmp_path):
    other_name = tmp_path / "strip.jpg"
    other_name.symlink_to(synthetic_take.clip)
    before = synthetic_take.clip.stat()
    last = asked(verb="preflight", clip=str(synthetic_take.clip), picture=str(other_name))[-1]
    assert (last["family"], last["code"]) == ("input", "output_is_input")
    assert (synthetic_take.clip.stat().st_size, synthetic_take.clip.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
