"""A claimed job is brought to exactly one end, whatever the engine does."""

from __future__ import annotations

import errno
import json
import os
import queue
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from lipsync.media import SoundChoice
from projects import cleanup, jobs, processes, rendering, storage, tasks
from projects import engine as engine_module
from projects.faults import CRASHES_ALLOWED, RULES
from projects.models import ErrorClass, Outcome, RenderJob, RenderOutput, Status

Script = Callable[[str], None]
WAIT_SECONDS = 20.0


@pytest.fixture(autouse=True)
def _quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats and polls at a tenth of their usual pace."""
    monkeypatch.setattr(rendering, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(rendering, "PROGRESS_SECONDS", 0.1)
    monkeypatch.setattr(rendering, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(engine_module, "FAMILY_SECONDS", 0.05)


def files_left(root: Path) -> list[str]:
    """What lies in the folders that renders write to."""
    return sorted(path.name for kind in (storage.RENDERS, storage.SCRATCH) for path in (root / kind).glob("*") if path.exists())


def wait_over() -> None:
    """Let whatever is put off have waited long enough."""
    RenderJob.objects.filter(status=Status.QUEUED).update(not_before=None)


def in_the_meantime(act: Callable[[RenderJob], None]) -> threading.Thread:
    """Do something to the job's row, from another connection, once its engine runs."""

    def wait_and_act() -> None:
        try:
            deadline = time.monotonic() + WAIT_SECONDS
            while time.monotonic() < deadline:
                job = RenderJob.objects.filter(status=Status.RUNNING, frames_done=4).first()
                if job is not None and children_of(job):
                    act(job)
                    return
                time.sleep(0.05)
        finally:
            connection.close()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def children_of(job: RenderJob) -> list[int]:
    """The processes that the scripted engine says it started."""
    line = job.log_lines.filter(text__startswith="children").first()
    return [int(number) for number in re.findall(r"\d+", line.text)] if line else []


def is_gone(pid: int) -> bool:
    """Whether no such process runs any more."""
    return not psutil.pid_exists(pid) or not processes.is_alive(psutil.Process(pid))


def test_a_finished_job_has_its_output_and_leaves_no_scratch(job: RenderJob, engine: Script, media_root: Path) -> None:
    engine("succeed")
    assert rendering.run_next()
    job.refresh_from_db()
    output = RenderOutput.objects.get(job=job)
    assert (job.status, job.frames_done, job.frames_total, job.claim) == (Status.SUCCEEDED, 10, 10, None)
    assert (job.progress, job.seconds_left) == (1.0, None)
    assert output.path.name == f"{job.pk}.1.mp4"
    assert output.path.stat().st_size == output.size
    assert output.quality == {"sharpness": 0.9, "follow": None}
    assert output.notices == ["The voice is shorter than the clip."]
    assert files_left(media_root) == [output.path.name]


@pytest.mark.parametrize("sound", [SoundChoice(), SoundChoice(denoise=True), SoundChoice(loudness=True)])
def test_the_engine_is_told_what_the_owner_chose_for_the_sound(
    job: RenderJob, engine: Script, media_root: Path, owner: User, monkeypatch: pytest.MonkeyPatch, sound: SoundChoice
) -> None:
    told: list[dict[str, Any]] = []
    started = rendering.Engine

    def listening(*, request: dict[str, Any], scratch: Path) -> engine_module.Engine:
        told.append(request["options"])
        return started(request=request, scratch=scratch)

    monkeypatch.setattr(rendering, "Engine", listening)
    jobs.cancel(job=job)
    RenderJob.objects.filter(pk=job.pk).update(**asdict(sound))
    job.refresh_from_db()
    jobs.retry(job=job, by=owner)  # which keeps the choice
    engine("succeed")
    assert rendering.run_next()
    assert told[0] == told[0] | asdict(sound)


def test_nothing_runs_when_nothing_waits(db: None) -> None:
    assert not rendering.run_next()


def test_every_step_is_on_the_jobs_page_and_in_the_file(job: RenderJob, engine: Script, log_file: Path) -> None:
    engine("succeed")
    rendering.run_next()
    texts = list(job.log_lines.values_list("text", flat=True))
    assert "a face in every frame" in texts
    assert texts[-1].startswith("done: 1.00 s")
    lines = [json.loads(line) for line in log_file.read_text().splitlines()]
    mine = [line["message"] for line in lines if line.get("job") == str(job.pk)]
    assert mine[-len(texts) :] == texts


def test_the_engine_learns_no_secret(job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}
    monkeypatch.setenv("SECRET_KEY", "x" * 40)
    monkeypatch.setenv("DATABASE_URL", "postgres://me:secret@db/heygem")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    original = rendering._keep

    def look(pulse: rendering.Pulse, job: RenderJob, result: dict[str, Any]) -> None:
        seen.update(json.loads((jobs.output_path(pulse.claim).parent / "touched").read_text()))
        original(pulse, job, result)

    monkeypatch.setattr(rendering, "_keep", look)
    engine("succeed")
    rendering.run_next()
    assert "PATH" in seen
    assert not {"SECRET_KEY", "DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "DJANGO_SETTINGS_MODULE"} & set(seen)


def test_lines_that_are_no_events_do_no_harm(job: RenderJob, engine: Script) -> None:
    engine("garble")
    rendering.run_next()
    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED


def test_a_refused_file_fails_with_the_engines_code_place_and_sentence(
    job: RenderJob, engine: Script, media_root: Path
) -> None:
    engine("refuse")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.error_family, job.error_code, job.error_at) == (Status.FAILED, "input", "no_face", 0.4)
    assert job.error_message == "No face is seen. Film one."
    assert files_left(media_root) == []


def test_the_engines_bug_is_stored_with_its_traceback_in_the_log(job: RenderJob, engine: Script) -> None:
    engine("break")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.error_family) == (Status.FAILED, "bug")
    assert "ZeroDivisionError" in job.log_lines.filter(level="error").get().text


def test_a_bug_of_the_platform_fails_the_job_and_is_raised(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch, media_root: Path
) -> None:
    engine("succeed")
    monkeypatch.setattr(rendering, "_verify", lambda made, result, pulse: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.error_code) == (Status.FAILED, "bug")
    assert files_left(media_root) == []


@pytest.mark.parametrize("script", ["die", "lie"])
def test_an_engine_that_dies_or_lies_is_tried_again_and_then_given_up(
    job: RenderJob, engine: Script, media_root: Path, script: str
) -> None:
    engine(script)
    for attempt in range(1, CRASHES_ALLOWED + 1):
        assert rendering.run_next()
        job.refresh_from_db()
        assert job.attempts == job.crashes == attempt
        assert job.status == (Status.QUEUED if attempt < CRASHES_ALLOWED else Status.FAILED)
    assert job.error_code == "poisoned"
    assert list(job.history.values_list("error_code", flat=True)) == ["engine_died"] * CRASHES_ALLOWED
    assert [attempt.outcome for attempt in job.history.all()] == [Outcome.PUT_OFF] * (CRASHES_ALLOWED - 1) + [Outcome.FAILED]
    assert not rendering.run_next()
    assert files_left(media_root) == []


def test_an_engines_last_words_are_kept_with_the_attempt(job: RenderJob, engine: Script) -> None:
    engine("die")
    rendering.run_next(lane="cpu")
    attempt = job.history.get()
    assert "Segmentation fault" in attempt.log_tail
    assert (attempt.lane, attempt.worker) == ("cpu", f"{socket.gethostname()}:{os.getpid()}")


def test_an_engine_that_dies_after_every_segment_gets_to_the_end_and_makes_each_once(
    job: RenderJob, engine: Script, media_root: Path
) -> None:
    engine("one segment")
    states = []
    while rendering.run_next():
        job.refresh_from_db()
        states.append((job.status, job.segments_done, job.segments_total, job.crashes))
    assert states == [(Status.QUEUED, 1, 3, 1), (Status.QUEUED, 2, 3, 1), (Status.SUCCEEDED, 3, 3, 1)]
    rendered = list(job.log_lines.filter(text__startswith="rendered").values_list("text", flat=True))
    assert rendered == [f"rendered segment {number}" for number in range(3)]
    assert list(job.history.values_list("segments_done", flat=True)) == [1, 2, 3]


def test_trying_a_failed_render_again_goes_on_from_its_last_segment(job: RenderJob, engine: Script, owner: User) -> None:
    engine("one segment")
    rendering.run_next()
    engine("refuse")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.segments_done) == (Status.FAILED, 1)
    again = jobs.retry(job=job, by=owner)
    engine("one segment")
    while rendering.run_next():
        pass
    assert list(again.log_lines.filter(text__startswith="rendered").values_list("text", flat=True)) == [
        "rendered segment 1",
        "rendered segment 2",
    ]
    assert RenderOutput.objects.get().job == again


def test_a_fault_that_may_pass_waits_longer_every_time_and_fails_at_last(job: RenderJob, engine: Script) -> None:
    engine("flaky")
    waits = []
    while rendering.run_next():
        job.refresh_from_db()
        assert not rendering.run_next()
        if job.not_before is not None and not job.is_final:
            waits.append(job.not_before - job.history.last().ended_at)
        wait_over()
    expected = RULES[ErrorClass.TRANSIENT].waits
    assert [round(wait.total_seconds()) for wait in waits] == [round(wait.total_seconds()) for wait in expected]
    assert (job.status, job.error_code, job.attempts) == (Status.FAILED, "tool_timeout", len(expected) + 1)


@pytest.mark.parametrize("reason", ["the engine's word", "the floor"])
def test_a_full_disk_puts_the_job_off_until_there_is_room(
    job: RenderJob, engine: Script, settings: Settings, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine("full" if reason == "the engine's word" else "succeed")
    settings.FREE_SPACE_FLOOR_BYTES = 0 if reason == "the engine's word" else 2**60
    for _ in range(5):
        assert rendering.run_next()
        assert not rendering.run_next()  # it does not spin
        wait_over()
    job.refresh_from_db()
    assert (job.status, job.attempts, job.fence) == (Status.QUEUED, 0, 5)
    assert set(job.history.values_list("error_class", "error_code")) == {(ErrorClass.RESOURCE, "no_space")}
    assert "take no jobs for a while: no_space" in caplog.text
    settings.FREE_SPACE_FLOOR_BYTES = 0
    engine("succeed")
    assert rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.SUCCEEDED, 1)


def test_too_little_memory_for_an_engine_is_the_machines_matter(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **given: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    engine("succeed")
    monkeypatch.setattr(processes, "start", refuse)
    assert rendering.run_next()
    assert job.history.get().error_code == "out_of_memory"
    monkeypatch.undo()
    wait_over()
    engine("succeed")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.SUCCEEDED, 1)


@pytest.mark.django_db(transaction=True)
def test_wake_ups_delivered_ten_times_make_one_video_each(
    job: RenderJob, engine: Script, owner: User, media_root: Path
) -> None:
    engine("succeed")
    others = [jobs.submit(project=job.project, clip=job.clip, track=job.track, created_by=owner) for _ in range(3)]
    wanted = [job, *others]
    deliveries: queue.SimpleQueue[None] = queue.SimpleQueue()
    for _ in range(10 * len(wanted)):
        deliveries.put(None)

    def deliver() -> None:
        try:
            while True:
                deliveries.get_nowait()
                tasks.wake()
        except queue.Empty:
            connection.close()

    workers = [threading.Thread(target=deliver) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert deliveries.empty()
    assert sorted(files_left(media_root)) == sorted(f"{one.pk}.1.mp4" for one in wanted)
    assert RenderOutput.objects.count() == len(wanted)
    assert set(RenderJob.objects.values_list("status", "attempts", "fence")) == {(Status.SUCCEEDED, 1, 1)}


@pytest.mark.django_db(transaction=True)
def test_an_engine_killed_in_mid_run_is_followed_by_another_attempt(job: RenderJob, engine: Script) -> None:
    engine("stall")

    def kill(running: RenderJob) -> None:
        time.sleep(0.3)  # for the worker to have seen them
        os.kill(psutil.Process(children_of(running)[0]).ppid(), signal.SIGKILL)

    helper = in_the_meantime(kill)
    rendering.run_next()
    helper.join()
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.QUEUED, 1)
    assert all(is_gone(pid) for pid in children_of(job))
    engine("succeed")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.SUCCEEDED, 2)
    assert job.output.path.name == f"{job.pk}.2.mp4"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("script", ["stall", "stubborn"])
def test_a_cancel_in_mid_run_ends_the_engine_and_all_it_started(
    job: RenderJob, engine: Script, script: str, media_root: Path
) -> None:
    engine(script)
    helper = in_the_meantime(lambda running: jobs.cancel(job=running) and None)
    rendering.run_next()
    helper.join()
    job.refresh_from_db()
    assert (job.status, job.claim) == (Status.CANCELLED, None)
    assert len(children_of(job)) == 2
    assert all(is_gone(pid) for pid in children_of(job))
    assert files_left(media_root) == []


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lost_its_claim_stops_and_writes_nothing(job: RenderJob, engine: Script) -> None:
    engine("stall")
    successor = "11111111-1111-1111-1111-111111111111"
    helper = in_the_meantime(lambda running: RenderJob.objects.update(claim=successor, fence=2, attempts=2) and None)
    rendering.run_next()
    helper.join()
    job.refresh_from_db()
    assert (job.status, str(job.claim), job.fence) == (Status.RUNNING, successor, 2)
    assert all(is_gone(pid) for pid in children_of(job))


@pytest.mark.django_db(transaction=True)
def test_a_stopped_worker_gives_its_job_back(job: RenderJob, engine: Script) -> None:
    engine("stall")
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        helper = in_the_meantime(lambda running: os.kill(os.getpid(), signal.SIGTERM))
        rendering.run_next()
        helper.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    job.refresh_from_db()
    assert (job.status, job.attempts, job.frames_total) == (Status.QUEUED, 0, 0)
    assert all(is_gone(pid) for pid in children_of(job))


def test_a_render_that_takes_too_long_is_stopped(job: RenderJob, engine: Script, settings: Settings) -> None:
    settings.RENDER_TIME_LIMIT_SECONDS = 1
    engine("stall")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.error_code) == (Status.FAILED, "took_too_long")


def test_a_worker_that_cannot_reach_the_database_stops_before_its_lease_ends(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: object, **kwargs: object) -> bool:
        raise OperationalError("database is locked")

    monkeypatch.setattr(jobs, "heartbeat", unreachable)
    monkeypatch.setattr(rendering.connection, "close", lambda: None)
    monkeypatch.setattr(rendering, "SAFETY_SECONDS", jobs.LEASE.total_seconds() - 1)
    engine("stall")
    rendering.run_next()
    job.refresh_from_db()
    assert job.status == Status.RUNNING  # untouched: another worker takes it when the lease has ended


def test_a_cancel_at_the_very_end_wins_over_the_result(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch, media_root: Path
) -> None:
    engine("succeed")
    original = rendering._verify

    def cancel_and_verify(made: Path, result: dict[str, Any], pulse: rendering.Pulse) -> None:
        jobs.cancel(job=job)
        original(made, result, pulse)

    monkeypatch.setattr(rendering, "_verify", cancel_and_verify)
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.finished_output()) == (Status.CANCELLED, None)
    assert files_left(media_root) == []


def test_the_claim_is_kept_while_a_long_video_is_verified(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float] = []
    original = rendering._verify

    def slowly(made: Path, result: dict[str, Any], pulse: rendering.Pulse) -> None:
        RenderJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        time.sleep(rendering.BEAT_SECONDS)
        original(made, result, pulse)
        job.refresh_from_db()
        assert job.lease_until is not None
        left.append((job.lease_until - timezone.now()).total_seconds())

    monkeypatch.setattr(rendering, "_verify", slowly)
    engine("succeed")
    rendering.run_next()
    assert left[0] > 20
    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED


def test_a_finished_videos_age_counts_from_its_name(job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    original = rendering._verify

    def old(made: Path, result: dict[str, Any], pulse: rendering.Pulse) -> None:
        os.utime(made, (1, 1))  # measured for a long time after it was written
        original(made, result, pulse)

    def sweep_and_finish(*args: Any, **given: Any) -> bool:
        assert cleanup.remove_orphan_files() == 0
        return finish(*args, **given)

    finish = jobs.finish
    monkeypatch.setattr(rendering, "_verify", old)
    monkeypatch.setattr(jobs, "finish", sweep_and_finish)
    engine("succeed")
    rendering.run_next()
    assert RenderOutput.objects.get().path.is_file()


def test_a_lost_answer_of_the_database_does_not_cost_the_video(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = jobs.finish

    def commit_and_break(*args: Any, **given: Any) -> bool:
        finish(*args, **given)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(jobs, "finish", commit_and_break)
    engine("succeed")
    rendering.run_next()
    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED
    assert RenderOutput.objects.get().path.is_file()


def test_a_database_that_does_not_answer_at_the_end_costs_an_attempt_not_the_job(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*args: Any, **given: Any) -> bool:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(jobs, "finish", gone)
    engine("succeed")
    states = []
    while rendering.run_next():
        job.refresh_from_db()
        states.append((job.status, job.error_code))
        wait_over()
    retries = len(RULES[ErrorClass.TRANSIENT].waits)
    assert states == [(Status.QUEUED, "")] * retries + [(Status.FAILED, "database_lost")]
    assert job.error_family == "environment"


@pytest.mark.parametrize(
    ("number", "code", "attempts"),
    [(errno.ENOSPC, "no_space", 0), (errno.EDQUOT, "no_space", 0), (errno.EACCES, "not_writable", 1)],
)
def test_an_error_of_the_disk_is_the_machines_matter_and_may_pass(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch, media_root: Path, number: int, code: str, attempts: int
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(storage, "settle", refuse)
    engine("succeed")
    rendering.run_next()
    job.refresh_from_db()
    assert (job.status, job.attempts, job.history.get().error_code) == (Status.QUEUED, attempts, code)
    assert files_left(media_root) == []


def test_a_worker_stopped_right_after_its_claim_gives_the_job_back(
    job: RenderJob, engine: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = jobs.claim

    def claim_and_be_stopped(**given: str) -> jobs.Claim | None:
        taken = claim(**given)
        os.kill(os.getpid(), signal.SIGTERM)
        return taken

    monkeypatch.setattr(jobs, "claim", claim_and_be_stopped)
    engine("stall")
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        rendering.run_next()
    finally:
        signal.signal(signal.SIGTERM, before)
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.QUEUED, 0)


def test_retrying_leaves_the_failed_job_as_it_is(job: RenderJob, engine: Script, owner: User) -> None:
    engine("refuse")
    rendering.run_next()
    job.refresh_from_db()
    again = jobs.retry(job=job, by=owner)
    assert (again.retry_of, again.status, again.clip, again.track) == (job, Status.QUEUED, job.clip, job.track)
    engine("succeed")
    rendering.run_next()
    again.refresh_from_db()
    job.refresh_from_db()
    assert (again.status, job.status) == (Status.SUCCEEDED, Status.FAILED)
