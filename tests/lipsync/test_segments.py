"""A range of frames is the same alone and in sequence; parts are resumed, spread and joined."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lipsync import segments as segments_module
from lipsync import spreading, store
from lipsync.ahead import ahead
from lipsync.analysis import load
from lipsync.cache import analysed
from lipsync.clock import Clock
from lipsync.contracts import RenderOptions, SilentReporter
from lipsync.errors import EnvironmentFault, LipsyncError, ToolFailed
from lipsync.hearing import hear
from lipsync.keeping import MANIFEST, Hold, lock_of
from lipsync.layers import paint
from lipsync.media import Encoding, FrameReader, probe_clip
from lipsync.plan import Wishes, make_plan
from lipsync.resynth import render
from lipsync.segments import Tally, cut, held
from lipsync.spreading import Task, assist, render_all, render_request
from lipsync.timeline import bounce

ROOT = Path(__file__).parents[2]
COUNT = 200


@pytest.fixture(scope="module")
def planned(synthetic_take, tmp_path_factory):
    """An analysis and a plan of eight seconds in segments of two and a half."""
    clip = synthetic_take.clip
    root = tmp_path_factory.mktemp("cache")
    with (
        pytest.MonkeyPatch.context() as patch,
        analysed(clip, probe_clip(clip), None, root, Clock(SilentReporter())) as analysis,
    ):
        patch.setattr(segments_module, "SEGMENT_SECONDS", 2.5)
        yield clip, analysis, make_plan(analysis, hear(synthetic_take.voice), bounce(COUNT, len(analysis)))


def cut_into(planned, folder: Path):
    clip, analysis, plan = planned
    return cut(clip, analysis, plan, Encoding(), folder)


def render_into(planned, folder: Path, workers: int = 1):
    parts = cut_into(planned, folder)
    told: list[tuple[int, int]] = []
    render_parts(planned, parts, workers, lambda done, total: told.append((done, total)))
    return parts, told


def render_parts(planned, parts, workers: int = 1, progress=lambda done, total: None, tell=lambda done, total: None) -> None:
    clip, analysis, plan = planned
    tally = Tally(len(plan), len(parts), progress, tell)
    render_all(Task(clip, analysis.folder, Encoding(), parts), analysis, plan, workers, tally)


@pytest.fixture(scope="module")
def in_sequence(planned, tmp_path_factory):
    return render_into(planned, tmp_path_factory.mktemp("sequence"))


def test_segments_cover_the_plan_once(in_sequence):
    parts, told = in_sequence
    assert [part.first for part in parts] == [0, 64, 128, 192]
    assert [part.last for part in parts] == [64, 128, 192, COUNT]
    assert told == [(done + 1, COUNT) for done in range(COUNT)]


def test_a_range_alone_is_the_same_to_the_bit(planned):
    clip, analysis, plan = planned
    all_wishes = Wishes(analysis.space, analysis.bank, analysis.predictor, plan)

    def painted(first: int, last: int) -> list[np.ndarray]:
        frames = FrameReader(clip, analysis.facts).sequence(plan.base[first:last].tolist())
        made = []
        for frame, wish in zip(frames, all_wishes.of(first, last), strict=True):
            paint(frame, wish)
            made.append(frame.data)
        return made

    whole = painted(0, 110)
    for first, last in ((0, 5), (37, 52), (60, 70), (109, 110)):
        for alone, together in zip(painted(first, last), whole[first:last], strict=True):
            np.testing.assert_array_equal(alone, together)


def test_a_segment_alone_in_another_process_is_the_same_to_the_byte(planned, in_sequence, tmp_path):
    code = (
        "import sys; from pathlib import Path; from lipsync import store; from lipsync.analysis import load;"
        "from lipsync.media import Encoding; from lipsync.plan import Plan;"
        "from lipsync.segments import Renderer, Segment; from lipsync.threads import one_thread\n"
        "clip, folder, plan, path = map(Path, sys.argv[1:])\n"
        "with one_thread():\n"
        "    analysis, plan = load(folder, verified=True), store.load(plan, Plan)\n"
        "    Renderer(clip, analysis, plan, Encoding(), path.parent).render_one(Segment(128, 192, path), int)"
    )
    clip, analysis, plan = planned
    store.save(tmp_path / "plan.npz", plan)
    alone = tmp_path / "alone.mp4"
    command = [sys.executable, "-c", code, clip, analysis.folder, tmp_path / "plan.npz", alone]
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True)
    assert alone.read_bytes() == in_sequence[0][2].path.read_bytes()


def test_segments_spread_over_processes_are_the_same_to_the_byte(planned, in_sequence, tmp_path):
    parts, told = render_into(planned, tmp_path, workers=2)
    for spread, together in zip(parts, in_sequence[0], strict=True):
        assert spread.path.read_bytes() == together.path.read_bytes()
    assert told[-1] == (COUNT, COUNT)


def test_only_what_is_missing_or_damaged_is_rendered_again(planned, in_sequence, tmp_path):
    parts, _ = render_into(planned, tmp_path)
    parts[0].path.write_bytes(b"damaged")
    parts[2].proof.unlink()
    untouched = [part.path.stat().st_mtime_ns for part in (parts[1], parts[3])]
    parts, told = render_into(planned, tmp_path)
    assert len(told) == 2 + 128  # what was there is told of by the segment
    assert told[2] == (COUNT - 127, COUNT)
    assert [part.path.stat().st_mtime_ns for part in (parts[1], parts[3])] == untouched
    assert parts[0].path.read_bytes() == in_sequence[0][0].path.read_bytes()


def test_segments_that_follow_one_another_are_decoded_in_one_go(planned, synthetic_take, tmp_path, monkeypatch):
    begun: list[tuple[int, int]] = []

    class Counted(FrameReader):
        def forward(self, first=0, count=None):
            begun.append((first, count))
            return super().forward(first, count)

    clip, analysis, _ = planned
    monkeypatch.setattr(segments_module, "FrameReader", Counted)
    plan = make_plan(analysis, hear(synthetic_take.voice), np.arange(128))
    parts = cut(clip, analysis, plan, Encoding(), tmp_path)
    render_parts((clip, analysis, plan), parts, 1)
    assert len(parts) == 2
    assert begun == [(0, 128)]


def test_a_segment_of_another_plan_is_never_taken(planned, synthetic_take, tmp_path):
    clip, analysis, plan = planned
    other = make_plan(analysis, hear(synthetic_take.voice), bounce(COUNT + 20, len(analysis))[20:])
    names = [{part.path.name for part in cut(clip, analysis, which, Encoding(), tmp_path)} for which in (plan, other)]
    better = {part.path.name for part in cut(clip, analysis, plan, Encoding(quality=12), tmp_path)}
    assert not names[0] & names[1]
    assert not names[0] & better


def test_the_error_of_a_process_is_the_error_of_the_render(planned, tmp_path):
    _, analysis, plan = planned
    parts = cut_into(planned, tmp_path)
    with pytest.raises(LipsyncError) as caught:
        render_parts((tmp_path / "gone.mp4", analysis, plan), parts, 2)
    assert caught.value.code
    assert not any(part.done() for part in parts)


def test_a_killed_process_is_told_and_its_segment_is_not_taken(planned, tmp_path, monkeypatch):
    clip, analysis, plan = planned
    parts = cut_into(planned, tmp_path)
    started: list[int] = []
    begin = spreading._Worker.__init__

    def remember(worker, events) -> None:
        begin(worker, events)
        started.append(worker.process.pid)

    def kill_one(done: int, total: int) -> None:
        if started:
            os.kill(started.pop(), signal.SIGKILL)

    monkeypatch.setattr(spreading._Worker, "__init__", remember)
    with pytest.raises(ToolFailed) as caught:
        render_parts((clip, analysis, plan), parts, 2, kill_one)
    assert caught.value.code == "worker_died"
    parts, _ = render_into(planned, tmp_path)
    assert all(part.done() for part in parts)


class Stopping(SilentReporter):
    """Counts frames rendered, and stops the render after so many, as somebody at the keyboard would."""

    def __init__(self, after: int | None = None) -> None:
        self.after = after
        self.told: list[int] = []

    def progress(self, stage: str, done: int, total: int) -> None:
        if stage == "render":
            self.told.append(done)
            if len(self.told) == self.after:
                raise KeyboardInterrupt


def test_a_render_resumes_where_it_was_stopped_and_leaves_nothing(planned, synthetic_take, tmp_path):
    whole, resumed, folder = tmp_path / "whole.mp4", tmp_path / "resumed.mp4", tmp_path / "segments"
    kept = RenderOptions(segments=folder, cache=planned[1].folder.parent, workers=1, measure=True)
    render(synthetic_take.clip, synthetic_take.voice, whole, kept, SilentReporter())
    assert list(folder.iterdir()) == []
    with pytest.raises(KeyboardInterrupt):
        render(synthetic_take.clip, synthetic_take.voice, resumed, kept, Stopping(after=150))
    assert len(list(folder.glob("*.sha256"))) == 2
    other = folder / "of-another-render-0000000.mp4"
    other.touch()
    goes_on = Stopping()
    render(synthetic_take.clip, synthetic_take.voice, resumed, kept, goes_on)
    assert goes_on.told[:3] == [64, 128, 129]
    assert whole.read_bytes() == resumed.read_bytes()
    assert list(folder.iterdir()) == [other]


def test_renders_that_share_a_folder_keep_their_own_plans(planned, in_sequence, synthetic_take, tmp_path, monkeypatch):
    clip, analysis, plan = planned
    parts = cut_into(planned, tmp_path)
    other = make_plan(analysis, hear(synthetic_take.voice), bounce(COUNT + 20, len(analysis))[20:])
    theirs = cut(clip, analysis, other, Encoding(), tmp_path)
    spread = spreading._spread

    def after_the_other(*arguments) -> None:
        Task(clip, analysis.folder, Encoding(), theirs).save(other)
        spread(*arguments)

    monkeypatch.setattr(spreading, "_spread", after_the_other)
    render_parts((clip, analysis, plan), parts, 2)
    assert [part.path.read_bytes() for part in parts] == [part.path.read_bytes() for part in in_sequence[0]]


def test_the_same_segments_are_never_rendered_by_two_at_once(planned, tmp_path):
    parts = cut_into(planned, tmp_path / "segments")
    with held(parts), Hold(parts[0].plan) as other, pytest.raises(BlockingIOError):
        other.take(fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert list((tmp_path / "segments").iterdir()) == []


def test_a_process_opens_the_plan_once_for_all_its_segments(planned, in_sequence, tmp_path):
    clip, analysis, plan = planned
    parts = cut_into(planned, tmp_path)
    task = Task(clip, analysis.folder, Encoding(), parts)
    task.save(plan)
    before = spreading._renderer.cache_info().misses
    for part in parts[2:]:
        render_request({"task": task.path, "first": part.first}, int)
    assert spreading._renderer.cache_info().misses == before + 1
    assert [part.path.read_bytes() for part in parts[2:]] == [part.path.read_bytes() for part in in_sequence[0][2:]]


def test_the_words_of_ffmpeg_in_another_process_are_kept(planned, tmp_path):
    clip, analysis, plan = planned
    folder = tmp_path / "analysis"
    shutil.copytree(analysis.folder, folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["facts"]["colour"] = {"color_primaries": "no-such-colour"}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    unfit = load(folder, verified=False)
    parts = cut(clip, unfit, plan, Encoding(), tmp_path)
    caught = []
    for workers in (1, 2):
        with pytest.raises(EnvironmentFault) as failure:
            render_parts((clip, unfit, plan), parts, workers)
        caught.append((failure.value.code, failure.value.message, failure.value.log.count("no-such-colour") > 0))
    assert caught[0] == caught[1]
    assert caught[0][2]


def test_an_error_while_fetching_ahead_reaches_whoever_waits():
    def broken():
        yield 1
        raise ValueError("the source broke")

    fetched = ahead(broken())
    assert next(fetched) == 1
    with pytest.raises(ValueError, match="the source broke"):
        next(fetched)


def test_fetching_ahead_stops_with_whoever_asked():
    closed = []

    def endless():
        try:
            yield from iter(int, 1)
        finally:
            closed.append(True)

    fetched = ahead(endless())
    assert [next(fetched) for _ in range(20)] == [0] * 20
    fetched.close()
    assert closed == [True]


@pytest.fixture
def shared(planned, tmp_path):
    """A render's task that others may help with, nothing of it done."""
    clip, analysis, plan = planned
    task = Task(clip, analysis.folder, Encoding(), cut_into(planned, tmp_path / "segments"))
    task.save(plan)
    return task


class Engine:
    """An engine in a process of its own that is asked to help."""

    def __init__(self, task: Task) -> None:
        command = [sys.executable, "-m", "lipsync.process"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True)
        self.process.stdin.write(json.dumps({"id": "1", "verb": "assist", "task": str(task.path)}) + "\n")
        self.process.stdin.close()

    def rendered(self) -> int:
        answer = self.process.stdout.read()
        return json.loads(answer.splitlines()[-1])["result"]["rendered"]


def wait_for_a_holder(segment) -> None:
    """Until somebody renders it."""
    while not (lock_of(segment.path).exists() and not free(segment)):
        time.sleep(0.01)


def free(segment) -> bool:
    with Hold(segment.path) as hold:
        return hold.tried(fcntl.LOCK_EX)


def test_two_engines_render_every_segment_once(planned, in_sequence, shared):
    helper = Engine(shared)
    wait_for_a_holder(shared.segments[-1])
    told: list[tuple[int, int]] = []
    render_parts(planned, shared.segments, 1, tell=lambda done, total: told.append((done, total)))
    made = helper.rendered()
    assert 1 <= made < len(shared.segments)
    assert told == [(number + 1, 4) for number in range(4)]
    assert [part.path.read_bytes() for part in shared.segments] == [part.path.read_bytes() for part in in_sequence[0]]


def test_a_helper_that_dies_leaves_its_segment_to_the_render(planned, in_sequence, shared):
    helper = Engine(shared)
    wait_for_a_holder(shared.segments[-1])
    helper.process.kill()
    helper.process.wait()
    assert not shared.segments[-1].done()
    render_parts(planned, shared.segments)
    assert [part.path.read_bytes() for part in shared.segments] == [part.path.read_bytes() for part in in_sequence[0]]


def test_who_helps_skips_what_others_are_at_and_goes_when_all_is_done(planned, shared):
    with Hold(shared.segments[3].path) as hold:
        hold.take(fcntl.LOCK_EX)
        assert assist(shared.path) == 3
    assert [part.done() for part in shared.segments] == [True, True, True, False]
    with held(shared.segments):
        render_parts(planned, shared.segments)
        assert assist(shared.path) == 0
    assert assist(shared.path) == 0
    assert list(shared.path.parent.iterdir()) == []


def test_a_render_that_went_on_without_its_files_is_not_helped(planned, shared):
    shared.path.unlink()  # as `held` does first
    assert assist(shared.path) == 0
    assert not any(part.done() for part in shared.segments)


def test_a_segment_that_is_held_for_ever_is_told(planned, shared, monkeypatch):
    monkeypatch.setattr(segments_module, "LONGEST_WAIT_SECONDS", 0.2)
    with Hold(shared.segments[1].path) as hold:
        hold.take(fcntl.LOCK_EX)
        with pytest.raises(EnvironmentFault) as caught:
            render_parts(planned, shared.segments)
    assert caught.value.code == "segment_busy"
    assert shared.segments[0].done()
