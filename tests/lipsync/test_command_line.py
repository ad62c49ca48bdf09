"""`python -m lipsync` and the engine process, as scripts and the platform use them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lipsync.__main__ import main
from lipsync.media import probe_clip
from tests.lipsync.media import ROOT, counting_clip, tone


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lipsync", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def loudness(path: Path) -> float:
    """Of the whole file, LUFS."""
    command = ["ffmpeg", "-nostdin", "-nostats", "-i", str(path), "-map", "0:a", "-af", "ebur128=framelog=verbose"]
    log = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, check=True).stderr
    return float(re.findall(r"I:\s+(-?[\d.]+) LUFS", log)[-1])


def test_a_render_prints_its_report(synthetic_take, tmp_path):
    output = tmp_path / "out.mp4"
    done = command("render", synthetic_take.clip, synthetic_take.voice, "-o", output, "--json", "--denoise", "--loudness")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["output"] == str(output)
    assert probe_clip(output).frames == report["frames"]
    assert loudness(output) == pytest.approx(-16, abs=0.5)
    assert loudness(synthetic_take.voice) != pytest.approx(-16, abs=0.6)
    assert "rendering" in done.stderr
    assert "W0000" not in done.stderr


@pytest.mark.parametrize(
    ("clip", "voice", "code"),
    [
        ("none.mp4", "voice.wav", "unreadable"),
        ("text.mp4", "voice.wav", "not_a_video"),
        ("empty.mp4", "voice.wav", "empty_file"),
        ("bars.mp4", "text.wav", "not_a_sound"),
        ("bars.mp4", "bars.mp4", "no_sound"),
        ("bars.mp4", "voice.wav", "no_face"),
    ],
)
def test_bad_input_ends_with_two_and_a_sentence(tmp_path, clip, voice, code):
    counting_clip(tmp_path / "bars.mp4", frames=30)
    tone(tmp_path / "voice.wav")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no film\n" * 99)
    (tmp_path / "text.wav").write_text("no sound\n" * 99)
    before = set(tmp_path.iterdir())
    done = command("render", tmp_path / clip, tmp_path / voice, "-o", tmp_path / "out.mp4", "--quiet")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error {code}: ")
    assert set(tmp_path.iterdir()) == before


def test_the_machines_fault_ends_with_three(synthetic_take, tmp_path):
    (tmp_path / "file").touch()
    done = command("render", synthetic_take.clip, synthetic_take.voice, "-o", tmp_path / "file" / "out.mp4")
    assert done.returncode == 3
    assert "not_writable" in done.stderr


@pytest.mark.parametrize("verb", ["render", "preflight", "sheet"])
def test_an_input_is_never_overwritten(tmp_path, verb):
    clip = counting_clip(tmp_path / "a.mp4", frames=5)
    arguments = {
        "render": (clip, tone(tmp_path / "a.wav"), "-o", clip),
        "preflight": (clip, "--picture", clip, "--no-cache"),
        "sheet": (clip, clip, "-o", clip),
    }
    done = command(verb, *arguments[verb])
    assert done.returncode == 2
    assert "output_is_input" in done.stderr
    assert probe_clip(clip).frames == 5


def test_a_point_that_is_none_is_told(tmp_path):
    done = command("render", "a.mp4", "a.wav", "-o", tmp_path / "out.mp4", "--speaker", "0.5,0.5,nan")
    assert done.returncode == 2
    assert done.stderr.startswith("error bad_point: ")


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        (("-o", "out.jpg", "--count", "0"), 2, "give a number from 1"),
        (("-o", "out.jpg", "--count", "1000000"), 2, "give a number from 1"),
        (("-o", "out.jpg", "--start", "nan"), 2, "give seconds"),
        (("-o", "out.jpg", "--step", "-1"), 2, "give seconds"),
        (("-o", "out.text"), 3, "error not_writable: "),
        (("-o", os.devnull), 3, "error not_writable: "),
    ],
)
def test_a_sheet_that_cannot_be_made_is_told(tmp_path, given, code, told):
    done = command("sheet", counting_clip(tmp_path / "a.mp4", frames=5), *given)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("-o", "out.wav"), "a name that ends in .mp4"),
        (("-o", "out"), "a name that ends in .mp4"),
        (("-o", "out.mp4", "--device", "gpu"), "give auto, cpu, or cuda:0"),
        (("-o", "out.mp4", "--precision", "half"), "invalid choice: 'half'"),
        (("-o", "out.mp4", "--workers", "-1"), "give a number from 0"),
    ],
)
def test_a_choice_that_is_none_is_told_though_this_engine_needs_it_not(capsys, given, told):
    with pytest.raises(SystemExit) as ended:
        main(["render", "a.mp4", "a.wav", *given])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_fault():
    line = f"{sys.executable} -m lipsync weights list | head -c 0; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == (f"{128 + signal.SIGPIPE}\n", "")


def test_a_name_that_is_no_text_does_not_spoil_the_report(synthetic_take, tmp_path):
    output = tmp_path / os.fsdecode(b"two\nlines \xff.mp4")
    done = command("render", synthetic_take.clip, synthetic_take.voice, "-o", output, "--preset", "ultrafast", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "frames/s" in done.stdout
    assert probe_clip(output).frames > 0


def test_a_folder_that_cannot_be_written_is_told(synthetic_take, tmp_path):
    (tmp_path / "parts").touch()
    kept = ("--segments", tmp_path / "parts", "--cache", tmp_path / "known")
    done = command("render", synthetic_take.clip, synthetic_take.voice, "-o", tmp_path / "out.mp4", *kept)
    assert done.returncode == 3
    assert "error not_writable: Nothing can be written to" in done.stderr


def test_a_render_that_is_ended_clears_up_and_goes_on_where_it_was(synthetic_take, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    files = (str(synthetic_take.clip), str(synthetic_take.voice), "-o", "out.mp4")
    choices = ("--segments", "parts", "--cache", "known", "--workers", "2")
    line = [sys.executable, "-m", "lipsync", "render", *files, *choices]
    elsewhere = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(line, cwd=folder, env=elsewhere, stderr=subprocess.PIPE, text=True) as first:
        for told in first.stderr:
            if told == "rendering\n":
                break
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
    assert first.returncode == 128 + signal.SIGTERM
    assert {path.name for path in folder.iterdir()} == {"parts", "known"}
    again = subprocess.run(line, cwd=folder, env=elsewhere, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0, again.stderr
    assert "looking at the clip" not in again.stderr
    assert {path.name for path in folder.iterdir()} == {"parts", "known", "out.mp4"}
    assert list((folder / "parts").iterdir()) == []


@pytest.fixture
def engine():
    process = subprocess.Popen(
        [sys.executable, "-m", "lipsync.process"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()


def ask(engine, **request) -> None:
    engine.stdin.write(json.dumps(request) + "\n")
    engine.stdin.flush()


def until_ended(engine) -> list[dict]:
    events = []
    for line in engine.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] in ("done", "error"):
            return events
    raise AssertionError(f"the engine ended in mid-request: {events}")


def test_the_engine_process_answers_one_request_after_the_other(engine, synthetic_take, tmp_path):
    ask(engine, id="1", verb="ping")
    assert until_ended(engine)[-1]["result"]["version"]
    ask(engine, id="2", verb="render", clip="/none", voice="/none", output=str(tmp_path / "a.mp4"))
    refusal = until_ended(engine)[-1]
    assert (refusal["event"], refusal["family"], refusal["code"]) == ("error", "input", "unreadable")
    ask(
        engine,
        id="3",
        verb="render",
        clip=str(synthetic_take.clip),
        voice=str(synthetic_take.voice),
        output=str(tmp_path / "b.mp4"),
        options={"preset": "ultrafast"},
    )
    events = until_ended(engine)
    assert events[-1]["result"]["sha256"]
    assert {event["event"] for event in events} >= {"stage", "progress", "done"}
    assert all(event["id"] == "3" for event in events)


def test_a_bug_is_told_and_the_engine_lives_on(engine):
    ask(engine, id="1", verb="dance")
    bug = until_ended(engine)[-1]
    assert (bug["family"], bug["code"]) == ("bug", "engine_bug")
    assert "dance" in bug["traceback"]
    ask(engine, id="2", verb="ping")
    assert until_ended(engine)[-1]["event"] == "done"


def test_an_engine_whose_input_ends_goes_away(engine):
    engine.stdin.close()
    assert engine.wait(timeout=20) == 0


def test_a_killed_engine_leaves_no_process_and_no_video(engine, synthetic_take, tmp_path):
    output = tmp_path / "out.mp4"
    ask(engine, id="1", verb="render", clip=str(synthetic_take.clip), voice=str(synthetic_take.voice), output=str(output))
    for line in engine.stdout:
        if json.loads(line).get("stage") == "render":
            break
    os.killpg(engine.pid, signal.SIGKILL)
    engine.wait()
    deadline = time.monotonic() + 20
    while living(engine.pid) and time.monotonic() < deadline:
        os.sched_yield()
    assert not living(engine.pid)
    assert not output.exists()


def living(group: int) -> list[str]:
    """Commands of the processes still in the group."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = [row.split(None, 2) for row in listed.splitlines()]
    return [row[2] for row in rows if row[0] == str(group) and not row[1].startswith("Z")]


def test_a_contact_sheet_has_a_row_per_video(synthetic_take, tmp_path):
    import cv2

    sheet = tmp_path / "sheet.png"
    done = command("sheet", synthetic_take.clip, synthetic_take.clip, "-o", sheet, "--count", "3")
    assert done.returncode == 0, done.stderr
    picture = cv2.imread(str(sheet))
    assert picture.shape == (480, 720, 3)
    assert (picture[:240] == picture[240:]).all()
    assert picture.std() > 20
