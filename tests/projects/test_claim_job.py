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
from django.db import connection
from django.utils import timezone

from projects import jobs
from projects.jobs import Claim
from projects.models import AudioTrack, Project, RenderJob, SpeakerClip, Status
from projects.models.renders import ATTEMPTS_ALLOWED
from projects.pace import Pace
from tests import making

RACERS = 4
PRIZES = 12


def lapse(job: RenderJob) -> None:
    """Let the job's lease have ended."""
    RenderJob.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def claimed() -> Claim:
    """The next job, which must be there."""
    claim = jobs.claim()
    assert claim is not None
    return claim


def at_frame(done: int, total: int) -> Pace:
    """How far a render is that makes frames."""
    pace = Pace()
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
    assert timedelta(seconds=25) < left <= jobs.LEASE
    assert job.started_at is not None


def test_a_claimed_job_is_not_claimed_again(job: RenderJob) -> None:
    claimed()
    assert jobs.claim() is None


def test_nothing_is_claimed_when_nothing_waits(db: None) -> None:
    assert jobs.claim() is None


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
    assert not jobs.heartbeat(zombie, at_frame(1, 2))
    assert not jobs.finish(zombie, name="renders/zombie.mp4", result=result)
    assert not jobs.fail(zombie, family="bug", code="bug", message="too late")
    assert not jobs.give_back(zombie)
    assert not jobs.put_off(zombie)
    assert not jobs.settle_cancelled(zombie)
    job.refresh_from_db()
    assert (job.status, job.claim, job.finished_output()) == (Status.RUNNING, successor.key, None)


def test_a_heartbeat_renews_the_lease_and_stores_progress(job: RenderJob) -> None:
    claim = claimed()
    lapse(job)
    pace = at_frame(3, 9)
    assert jobs.heartbeat(claim, pace)
    job.refresh_from_db()
    assert (job.stage, job.frames_done, job.frames_total) == ("render", 3, 9)
    assert job.progress == pace.share > 0
    assert job.seconds_left is not None
    assert job.lease_until is not None and job.lease_until > timezone.now()


@pytest.mark.parametrize("again", [jobs.give_back, jobs.put_off])
def test_another_attempt_begins_with_nothing_done(job: RenderJob, again: Callable[[Claim], bool]) -> None:
    claim = claimed()
    assert jobs.heartbeat(claim, at_frame(3, 9))
    assert again(claim)
    job.refresh_from_db()
    assert (job.stage, job.frames_done, job.progress, job.seconds_left) == ("", 0, 0.0, None)


def test_after_the_last_attempt_a_lost_job_fails_with_a_code(job: RenderJob) -> None:
    for _ in range(ATTEMPTS_ALLOWED):
        claimed()
        lapse(job)
    assert jobs.claim() is None
    assert jobs.settle_lost() == 1
    job.refresh_from_db()
    assert (job.status, job.error_code, job.claim) == (Status.FAILED, "worker_lost", None)
    assert job.log_lines.filter(level="error").exists()


def test_a_lost_job_that_its_owner_cancelled_ends_as_cancelled(job: RenderJob) -> None:
    claimed()
    jobs.cancel(job=job)
    lapse(job)
    assert jobs.claim() is None
    jobs.settle_lost()
    job.refresh_from_db()
    assert job.status == Status.CANCELLED


def test_a_job_given_back_costs_no_attempt(job: RenderJob) -> None:
    assert jobs.give_back(claimed())
    job.refresh_from_db()
    assert (job.status, job.attempts, job.fence) == (Status.QUEUED, 0, 1)
    assert claimed().fence == 2


def test_a_job_given_back_after_a_cancel_is_cancelled(job: RenderJob) -> None:
    claim = claimed()
    jobs.cancel(job=job)
    assert jobs.give_back(claim)
    job.refresh_from_db()
    assert job.status == Status.CANCELLED
    assert job.finished_at is not None


def test_a_cancel_is_not_lost_when_the_worker_gives_the_job_back_at_that_moment(job: RenderJob) -> None:
    claim = claimed()
    updates: list[str] = []

    def give_back_first(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and not updates:
            updates.append(sql)
            assert jobs.give_back(claim)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(give_back_first):
        jobs.cancel(job=job)
    job.refresh_from_db()
    assert job.status == Status.CANCELLED


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
            from projects import jobs
            print("ready", flush=True)
            sys.stdin.readline()
            while (claim := jobs.claim()) is not None:
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
