"""Who gets a job, and that nobody else does."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.db.models import F
from django.utils import timezone

from projects import claims, jobs
from projects.claims import Claim
from projects.faults import CRASHES_ALLOWED, LOSSES_ALLOWED, RULES, Fault
from projects.models import AudioTrack, ErrorClass, JobAttempt, Outcome, Project, RenderJob, SpeakerClip, Status
from projects.pace import Pace
from tests import making

RACERS = 4
PRIZES = 12
MAY_PASS = Fault("environment", "tool_timeout", "A media program stopped answering.", log_tail="Traceback: tool")
NO_ROOM = Fault("environment", "no_space", "The server's disk is nearly full.")
CRASHED = Fault("bug", "engine_died", "The engine stopped unexpectedly.")
UNUSABLE = Fault("input", "no_face", "No face is seen. Film one.", at=0.4)
OUR_BUG = Fault("bug", "engine_bug", "The engine met a fault of its own.")
MINUTE = timedelta(minutes=1)


def lapse(job: RenderJob) -> None:
    """Let the job's lease have ended."""
    RenderJob.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def wait_over(job: RenderJob, wait: timedelta) -> None:
    """Let so much time have gone by since the job was put back."""
    RenderJob.objects.filter(pk=job.pk).update(not_before=F("not_before") - wait)


def again(job: RenderJob) -> Claim:
    """Claim the job however long it should wait."""
    wait_over(job, timedelta(days=1))
    return claimed()


def attempts_of(job: RenderJob) -> list[tuple[int, str, str]]:
    """Number, outcome and code of each."""
    return list(job.history.values_list("number", "outcome", "error_code"))


def claimed() -> Claim:
    """The next job, which must be there."""
    claim = claims.claim()
    assert claim is not None
    return claim


def at_frame(done: int, total: int, segments: tuple[int, int] | None = None) -> Pace:
    """How far a render is that makes frames."""
    pace = Pace()
    if segments:
        pace.keep(*segments)
    pace.enter("render", now=time.monotonic())
    pace.advance(done, total)
    return pace


def test_a_claimed_job_runs_with_a_key_a_fence_and_a_lease(job: RenderJob) -> None:
    claim = claimed()
    job.refresh_from_db()
    assert (claim.job_id, claim.key, claim.fence) == (job.pk, job.claim, job.fence)
    assert (job.status, job.fence, job.attempts) == (Status.RUNNING, 1, 1)
    assert job.lease_until is not None
    left = job.lease_until - timezone.now()
    assert timedelta(seconds=25) < left <= claims.LEASE
    assert job.started_at is not None


def test_a_claimed_job_is_not_claimed_again(job: RenderJob) -> None:
    claimed()
    assert claims.claim() is None


def test_nothing_is_claimed_when_nothing_waits(db: None) -> None:
    assert claims.claim() is None


def test_the_longest_waiting_job_comes_first_unless_another_has_priority(
    project: Project, clip: SpeakerClip, track: AudioTrack, owner: User
) -> None:
    made = [RenderJob(project=project, clip=clip, track=track, created_by=owner) for _ in range(3)]
    made[2].priority = 5
    for one in made:
        one.save()
    assert [claimed().job_id for _ in made] == [made[2].pk, made[0].pk, made[1].pk]


def test_a_lost_job_is_claimed_again_with_the_next_fence(job: RenderJob) -> None:
    first = claimed()
    lapse(job)
    second = claimed()
    assert (second.job_id, second.fence) == (first.job_id, 2)
    assert second.key != first.key


def test_a_worker_given_up_for_dead_can_write_nothing(job: RenderJob) -> None:
    zombie = claimed()
    lapse(job)
    successor = claimed()
    result = {"frames": 1, "sha256": "0" * 64, "size": 1, "width": 1, "height": 1, "frame_rate": "1", "duration": 1.0}
    assert not claims.heartbeat(zombie, at_frame(1, 2))
    assert not claims.finish(zombie, name="renders/zombie.mp4", result=result)
    for fault in (MAY_PASS, NO_ROOM, CRASHED, UNUSABLE, OUR_BUG):
        assert not claims.fail(zombie, fault, at_frame(1, 2, segments=(1, 2)))
    assert not claims.give_back(zombie)
    assert not claims.settle_cancelled(zombie)
    job.refresh_from_db()
    assert (job.status, job.claim, job.finished_output()) == (Status.RUNNING, successor.key, None)
    assert (job.segments_done, job.segments_total) == (0, 0)
    assert attempts_of(job) == [(1, Outcome.LOST, "worker_lost"), (2, Outcome.RUNNING, "")]


def test_a_heartbeat_renews_the_lease_and_stores_progress(job: RenderJob) -> None:
    claim = claimed()
    lapse(job)
    pace = at_frame(3, 9)
    assert claims.heartbeat(claim, pace)
    job.refresh_from_db()
    assert (job.stage, job.frames_done, job.frames_total) == ("render", 3, 9)
    assert job.progress == pace.share > 0
    assert job.seconds_left is not None
    assert job.lease_until is not None and job.lease_until > timezone.now()


@pytest.mark.parametrize("back", [claims.give_back, lambda claim: claims.fail(claim, MAY_PASS)])
def test_another_attempt_begins_with_nothing_done_but_its_segments(job: RenderJob, back: Callable[[Claim], bool]) -> None:
    claim = claimed()
    assert claims.heartbeat(claim, at_frame(3, 9, segments=(1, 3)))
    assert back(claim)
    job.refresh_from_db()
    assert (job.stage, job.frames_done, job.progress, job.seconds_left) == ("", 0, 0.0, None)
    assert (job.segments_done, job.segments_total) == (1, 3)
    assert job.history.get().segments_done == 1


def test_a_claim_opens_an_attempt_that_says_who_has_the_job(job: RenderJob) -> None:
    claim = claims.claim(lane="gpu", worker="ada:7")
    assert claim is not None
    attempt = job.history.get()
    assert (attempt.number, attempt.lane, attempt.worker) == (claim.fence, "gpu", "ada:7")
    assert (attempt.outcome, attempt.ended_at) == (Outcome.RUNNING, None)


def test_what_ends_an_attempt_is_kept_with_it(job: RenderJob) -> None:
    long = Fault("input", "no_face", "No face is seen. Film one.", at=0.4, log_tail="x" * 9000 + "the end")
    assert claims.fail(claimed(), long)
    attempt = job.history.get()
    assert (attempt.outcome, attempt.error_class, attempt.error_code) == (Outcome.FAILED, ErrorClass.INPUT, "no_face")
    assert attempt.error_message == "No face is seen. Film one."
    assert attempt.log_tail.endswith("the end") and len(attempt.log_tail) == 8000
    assert attempt.ended_at is not None


@pytest.mark.parametrize("fault", [UNUSABLE, OUR_BUG, Fault("", "took_too_long", "It took too long. Use a shorter voice.")])
def test_what_another_attempt_cannot_cure_fails_at_once(job: RenderJob, fault: Fault) -> None:
    assert claims.fail(claimed(), fault)
    job.refresh_from_db()
    assert (job.status, job.error_code, job.error_message) == (Status.FAILED, fault.code, fault.message)
    assert claims.claim() is None


def test_what_may_pass_is_tried_again_after_growing_waits_and_fails_after_the_last(job: RenderJob) -> None:
    for wait in RULES[ErrorClass.TRANSIENT].waits:
        assert claims.fail(claimed(), MAY_PASS)
        job.refresh_from_db()
        assert (job.status, job.error_code) == (Status.QUEUED, "")
        wait_over(job, wait - timedelta(seconds=2))
        assert claims.claim() is None
        wait_over(job, timedelta(seconds=2))
    assert claims.fail(claimed(), MAY_PASS)
    job.refresh_from_db()
    assert (job.status, job.error_code, job.attempts) == (Status.FAILED, "tool_timeout", 4)
    assert [outcome for _, outcome, _ in attempts_of(job)] == [Outcome.PUT_OFF] * 3 + [Outcome.FAILED]
    assert set(job.history.values_list("log_tail", flat=True)) == {"Traceback: tool"}


def test_a_machine_without_room_costs_no_attempt_and_is_not_tried_at_once(job: RenderJob) -> None:
    for _ in range(8):
        assert claims.fail(again(job), NO_ROOM)
        job.refresh_from_db()
        assert (job.status, job.attempts) == (Status.QUEUED, 0)
        assert claims.claim() is None
    wait_over(job, MINUTE)
    assert claimed().fence == 9


@pytest.mark.parametrize("worker_too", [False, True])
def test_a_render_that_breaks_off_again_and_again_is_poisoned(job: RenderJob, worker_too: bool) -> None:
    times = LOSSES_ALLOWED if worker_too else CRASHES_ALLOWED
    for _ in range(times):
        claim = claimed()
        if worker_too:
            lapse(job)
            assert claims.settle_lost() == 1
        else:
            assert claims.fail(claim, CRASHED)
    assert claims.claim() is None
    job.refresh_from_db()
    assert (job.status, job.error_code, job.claim) == (Status.FAILED, "poisoned", None)
    assert job.error_message.startswith(f"This render was broken off {times} times")
    assert job.log_lines.filter(level="error").exists()
    codes = [code for _, _, code in attempts_of(job)]
    assert codes == ["worker_lost" if worker_too else "engine_died"] * times


def test_a_render_that_gets_on_is_not_poisoned_however_often_it_breaks_off(job: RenderJob) -> None:
    for done in range(1, 3 * CRASHES_ALLOWED):
        assert claims.heartbeat(claim := claimed(), at_frame(done, 30, segments=(done, 30)))
        assert claims.fail(claim, CRASHED)
        job.refresh_from_db()
        assert (job.status, job.crashes) == (Status.QUEUED, 1)
    for _ in range(CRASHES_ALLOWED - 1):
        assert claims.heartbeat(claim := claimed(), at_frame(done, 30, segments=(done, 30)))
        assert claims.fail(claim, CRASHED)
    job.refresh_from_db()
    assert (job.status, job.error_code) == (Status.FAILED, "poisoned")


def test_a_segment_that_is_lost_and_made_again_is_no_new_one(job: RenderJob) -> None:
    for done in (1, *[0, 1] * CRASHES_ALLOWED)[:CRASHES_ALLOWED]:
        assert claims.heartbeat(claim := claimed(), at_frame(0, 30, segments=(done, 3)))
        assert claims.fail(claim, CRASHED)
    job.refresh_from_db()
    assert (job.status, job.crashes) == (Status.FAILED, CRASHES_ALLOWED)


def test_a_segment_finished_since_the_last_heartbeat_counts(job: RenderJob) -> None:
    assert claims.fail(claimed(), CRASHED)
    assert claims.fail(claimed(), CRASHED, at_frame(9, 30, segments=(1, 3)))
    job.refresh_from_db()
    assert (job.crashes, job.segments_done) == (1, 1)


def test_a_lost_job_that_its_owner_cancelled_ends_as_cancelled(job: RenderJob) -> None:
    claimed()
    jobs.cancel(job=job)
    lapse(job)
    assert claims.claim() is None
    claims.settle_lost()
    job.refresh_from_db()
    assert job.status == Status.CANCELLED


def test_a_job_given_back_costs_no_attempt(job: RenderJob) -> None:
    assert claims.give_back(claimed())
    job.refresh_from_db()
    assert (job.status, job.attempts, job.fence) == (Status.QUEUED, 0, 1)
    assert claimed().fence == 2
    assert attempts_of(job) == [(1, Outcome.GIVEN_BACK, ""), (2, Outcome.RUNNING, "")]


def test_a_job_given_back_after_a_cancel_is_cancelled(job: RenderJob) -> None:
    claim = claimed()
    jobs.cancel(job=job)
    assert claims.give_back(claim)
    job.refresh_from_db()
    assert job.status == Status.CANCELLED
    assert job.finished_at is not None


def test_a_cancel_is_not_lost_when_the_worker_gives_the_job_back_at_that_moment(job: RenderJob) -> None:
    claim = claimed()
    updates: list[str] = []

    def give_back_first(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and not updates:
            updates.append(sql)
            assert claims.give_back(claim)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(give_back_first):
        jobs.cancel(job=job)
    job.refresh_from_db()
    assert job.status == Status.CANCELLED


def test_a_job_that_waits_for_another_attempt_is_cancelled_at_once(job: RenderJob) -> None:
    assert claims.fail(claimed(), MAY_PASS)
    assert jobs.cancel(job=job).status == Status.CANCELLED


def test_a_job_whose_lease_has_ended_is_cancelled_at_once(job: RenderJob) -> None:
    claim = claimed()
    lapse(job)
    assert jobs.cancel(job=job).status == Status.CANCELLED
    assert attempts_of(job) == [(1, Outcome.CANCELLED, "")]
    assert not claims.settle_cancelled(claim)


def test_a_cancelled_job_whose_worker_is_dead_need_not_wait_for_the_whole_lease(job: RenderJob) -> None:
    claim = claimed()
    jobs.cancel(job=job)
    assert job.lease_until is not None and job.lease_until <= timezone.now() + jobs.CANCEL_PATIENCE
    assert not claims.heartbeat(claim, at_frame(1, 2))
    assert claims.settle_cancelled(claim)
    assert attempts_of(job) == [(1, Outcome.CANCELLED, "")]


@pytest.mark.parametrize("fault", [MAY_PASS, NO_ROOM, CRASHED, UNUSABLE, OUR_BUG])
def test_a_fault_of_a_job_that_its_owner_wants_stopped_ends_it_as_cancelled(job: RenderJob, fault: Fault) -> None:
    claim = claimed()
    jobs.cancel(job=job)
    assert claims.fail(claim, fault)
    job.refresh_from_db()
    assert (job.status, job.error_code) == (Status.CANCELLED, "")


def test_a_finished_attempt_says_so(job: RenderJob, clip_file: Path) -> None:
    making.output(job, clip_file)
    assert attempts_of(job) == [(1, Outcome.SUCCEEDED, "")]


def test_the_attempt_and_the_job_change_together_or_not_at_all(job: RenderJob, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = claimed()

    def refuse(*args: object, **given: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(claims, "_close_attempt", refuse)
    for act in (claims.give_back, lambda one: claims.fail(one, UNUSABLE), lambda one: claims.fail(one, MAY_PASS)):
        with pytest.raises(OperationalError):
            act(claim)
        job.refresh_from_db()
        assert (job.status, job.claim) == (Status.RUNNING, claim.key)
    assert JobAttempt.objects.get().outcome == Outcome.RUNNING


def test_a_final_job_is_not_cancelled(job: RenderJob, clip_file: Path) -> None:
    output = making.output(job, clip_file)
    jobs.cancel(job=job)
    job.refresh_from_db()
    assert (job.status, job.cancel_requested, job.finished_output()) == (Status.SUCCEEDED, False, output)


def test_racing_workers_never_hold_the_same_job(tmp_path: Path) -> None:
    environment = {**os.environ, "HEYGEM_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "heygem_site.settings"}

    def start(script: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", "import django, sys; django.setup()\n" + textwrap.dedent(script)],
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    stock = start(
        f"""
        from django.core.management import call_command
        call_command("migrate", verbosity=0)
        from projects import accounts
        from projects.models import *
        owner = accounts.create_user(username="olga", password="correct horse battery")
        project = accounts.first_project(owner)
        speaker = Speaker.objects.create(project=project, name="Li Wei")
        facts = dict(size=1, duration=1.0, codec="x", file="f", sha256="0", title="t")
        clip = SpeakerClip.objects.create(
            speaker=speaker, still="s", width=1, height=1, frame_rate="1", frames=1, has_sound=True, **facts)
        track = AudioTrack.objects.create(project=project, sample_rate=1, **facts)
        for _ in range({PRIZES}):
            RenderJob.objects.create(project=project, clip=clip, track=track, created_by=owner)
        """
    )
    stock.communicate(timeout=60)
    assert stock.returncode == 0
    racers = [
        start(
            """
            from projects import claims
            print("ready", flush=True)
            sys.stdin.readline()
            while (claim := claims.claim()) is not None:
                print(claim.job_id, claim.fence, flush=True)
            """
        )
        for _ in range(RACERS)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    won = [line for racer in let_go(racers) for line in racer]
    assert [racer.returncode for racer in racers] == [0] * RACERS
    assert len(won) == len(set(won)) == PRIZES
    assert {line.split()[1] for line in won} == {"1"}


def let_go(racers: list[subprocess.Popen[str]]) -> list[list[str]]:
    """Start them at once and collect what each of them won."""
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return [racer.communicate(timeout=60)[0].splitlines() for racer in racers]
