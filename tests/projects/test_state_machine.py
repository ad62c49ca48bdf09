"""The queue's promises under whatever people, workers and time do in any order.

Hypothesis chooses the steps and works on the real functions and the real database. The clock is moved by moving all leases
and waits into the past. SOAK=1 takes the 10,000 steps of a whole run; the default takes some of them.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from projects import claims, jobs, storage
from projects.claims import Claim
from projects.faults import CRASHES_ALLOWED, Fault
from projects.models import AudioTrack, JobAttempt, Outcome, Project, RenderJob, RenderOutput, SpeakerClip, Status
from projects.models.renders import FINAL
from projects.pace import Pace

STEPS = 50
RUNS = 200 if os.environ.get("SOAK") else 20
MOST_JOBS = 4
SEGMENTS = 3
UNCHARGED = (Outcome.GIVEN_BACK,)
FAULTS = [
    Fault("input", "no_face", "No face is seen. Film one."),
    Fault("environment", "tool_timeout", "A media program stopped answering."),
    Fault("environment", "no_space", "The server's disk is nearly full."),
    Fault("bug", "engine_died", "The engine stopped unexpectedly."),
    Fault("bug", "engine_bug", "The engine met a fault of its own."),
    Fault("environment", "took_too_long", "It took too long. Use a shorter voice."),
]
RESULT = {"frames": 9, "sha256": "0" * 64, "size": 1, "width": 1, "height": 1, "frame_rate": "1", "duration": 9.0}


@dataclass(frozen=True)
class World:
    """What the renders are made from."""

    project: Project
    clip: SpeakerClip
    track: AudioTrack
    owner: User


class Queue(RuleBasedStateMachine):
    """People submit, cancel and retry; workers claim, beat, finish, fail, give back or vanish; time passes."""

    world: World
    holders = Bundle("holders")  # whose workers have not let go; they may have been given up for dead
    zombies = Bundle("zombies")  # whose workers have ended them, and write once more

    def __init__(self) -> None:
        super().__init__()
        self._moved, self._born = 0.0, time.monotonic()
        self.held: dict[Any, tuple[Claim, float]] = {}  # whom a job belongs to, and until when, as its worker must believe
        self.not_before: dict[Any, float] = {}
        self.ended: dict[Any, dict[str, Any]] = {}  # every column of jobs that are final
        self.rows: list[dict[str, Any]] = []  # all jobs as they were after the last step, in the order they were asked for
        self._sandbox = transaction.atomic()
        self._sandbox.__enter__()

    def teardown(self) -> None:
        """Leave the database as it was found."""
        transaction.set_rollback(True)
        self._sandbox.__exit__(None, None, None)

    @property
    def now(self) -> float:
        """The clock: what it was moved by, and what has really gone by."""
        return self._moved + time.monotonic() - self._born

    @initialize(count=st.integers(1, MOST_JOBS))
    def begin(self, count: int) -> None:
        for _ in range(count):
            self.submit()

    # --- people --------------------------------------------------------------------------------------------------------
    @precondition(lambda self: len(self.live()) < MOST_JOBS)
    @rule()
    def submit(self) -> None:
        world = self.world
        jobs.submit(project=world.project, clip=world.clip, track=world.track, created_by=world.owner)

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = chosen(data, self.rows)
        was, unheld = job.status, job.status == Status.QUEUED or RenderJob.objects.lost().filter(pk=job.pk).exists()
        jobs.cancel(job=job)
        if was in FINAL:
            assert job.status == was
        else:
            assert job.cancel_requested
            assert (job.status == Status.CANCELLED) == unheld

    @precondition(lambda self: len(self.live()) < MOST_JOBS and self.retryable())
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        job = chosen(data, self.retryable())
        assert jobs.retry(job=job, by=self.world.owner).pk != job.pk

    # --- workers -------------------------------------------------------------------------------------------------------
    @precondition(lambda self: self.live())
    @rule(target=holders)
    def claim(self) -> Claim | MultipleResults[Claim]:
        claim = claims.claim(lane="cpu", worker="here:1")
        if claim is None:
            return multiple()
        held = self.held.get(claim.job_id)
        assert held is None or held[1] < self.now, "two workers hold the same job"
        assert self.not_before.get(claim.job_id, self.now) <= self.now, "claimed before it was due"
        self.held[claim.job_id] = (claim, self.now + claims.LEASE.total_seconds())
        return claim

    @rule(claim=holders, done=st.integers(0, SEGMENTS))
    def beat(self, claim: Claim, done: int) -> None:
        pace = Pace()
        pace.keep(done, SEGMENTS)
        wanted = self._may_write(claim) and not RenderJob.objects.get(pk=claim.job_id).cancel_requested
        assert claims.heartbeat(claim, pace) == wanted
        if wanted:
            self.held[claim.job_id] = (claim, self.now + claims.LEASE.total_seconds())

    @rule(target=zombies, claim=consumes(holders))
    def finish(self, claim: Claim) -> Claim:
        wanted = self._may_write(claim) and not RenderJob.objects.get(pk=claim.job_id).cancel_requested
        assert claims.finish(claim, name=storage.render_name(claim.job_id, claim.fence), result=RESULT) == wanted
        self._over(claim, wanted)
        return claim

    @rule(target=zombies, claim=consumes(holders), fault=st.sampled_from(FAULTS))
    def fail(self, claim: Claim, fault: Fault) -> Claim:
        held = self._may_write(claim)
        assert claims.fail(claim, fault) == held
        job = RenderJob.objects.get(pk=claim.job_id)
        if held and job.status == Status.QUEUED and job.not_before is not None:
            wait = fault.rule.wait(job.history.filter(error_class=fault.error_class).count() - 1)
            self.not_before[job.pk] = self.now + (wait or timedelta(0)).total_seconds()
        self._over(claim, held)
        return claim

    @rule(target=zombies, claim=consumes(holders))
    def give_back(self, claim: Claim) -> Claim:
        held = self._may_write(claim)
        assert claims.give_back(claim) == held
        self._over(claim, held)
        return claim

    @rule(claim=zombies, fault=st.sampled_from(FAULTS))
    def haunt(self, claim: Claim, fault: Fault) -> None:
        if self._may_write(claim):  # a video came too late for a cancel: its worker settles that yet
            return
        assert not claims.heartbeat(claim, Pace())
        assert not claims.finish(claim, name=storage.render_name(claim.job_id, claim.fence), result=RESULT)
        assert not claims.fail(claim, fault)
        assert not claims.give_back(claim)
        assert not claims.settle_cancelled(claim)

    @rule(claim=holders)
    def settle_cancelled(self, claim: Claim) -> None:
        wanted = self._may_write(claim) and RenderJob.objects.get(pk=claim.job_id).cancel_requested
        assert claims.settle_cancelled(claim) == wanted
        self._over(claim, wanted)

    # --- the clock and the sweep ---------------------------------------------------------------------------------------
    @precondition(lambda self: self.live())
    @rule(seconds=st.sampled_from([1, 6, 11, 31, 61, 121]))
    def time_passes(self, seconds: int) -> None:
        self._moved += seconds
        gone = timedelta(seconds=seconds)
        live = RenderJob.objects.exclude(status__in=FINAL)
        live.update(lease_until=F("lease_until") - gone, not_before=F("not_before") - gone)

    @precondition(lambda self: self.live())
    @rule()
    def settle_lost(self) -> None:
        claims.settle_lost()
        assert not RenderJob.objects.lost().exists()

    # --- what always holds ---------------------------------------------------------------------------------------------
    @invariant()
    def what_was_promised_is_kept(self) -> None:
        self.rows = list(RenderJob.objects.order_by("created_at", "pk").values())
        history: dict[Any, list[JobAttempt]] = {row["id"]: [] for row in self.rows}
        for attempt in JobAttempt.objects.order_by("job", "number"):
            history[attempt.job_id].append(attempt)
        self._what_is_final_stays_as_it_is()
        self._who_is_done_has_one_video_and_nobody_else_any()
        for row in self.rows:
            attempts_agree_with(row, history[row["id"]])

    def _what_is_final_stays_as_it_is(self) -> None:
        ended = {row["id"]: row for row in self.rows if row["status"] in FINAL}
        assert self.ended == {pk: ended.get(pk) for pk in self.ended}
        self.ended = ended

    def _who_is_done_has_one_video_and_nobody_else_any(self) -> None:
        done = [row["id"] for row in self.rows if row["status"] == Status.SUCCEEDED]
        assert sorted(RenderOutput.objects.values_list("pk", flat=True)) == sorted(done)

    def live(self) -> list[dict[str, Any]]:
        """The jobs that wait or run."""
        return [row for row in self.rows if row["status"] not in FINAL]

    def retryable(self) -> list[dict[str, Any]]:
        """The jobs that ended without a video."""
        return [row for row in self.rows if row["status"] in (Status.FAILED, Status.CANCELLED)]

    def _may_write(self, claim: Claim) -> bool:
        """Whether the claim still is the job's. A worker past its lease may go on while nobody else has taken notice."""
        row = RenderJob.objects.get(pk=claim.job_id)
        return (row.status, row.claim, row.fence) == (Status.RUNNING, claim.key, claim.fence)

    def _over(self, claim: Claim, really: bool) -> None:
        if really:
            del self.held[claim.job_id]


def is_charged(attempt: JobAttempt) -> bool:
    """Whether an attempt counts as one."""
    return attempt.outcome not in UNCHARGED and not (attempt.outcome == Outcome.PUT_OFF and attempt.error_code == "no_space")


def attempts_agree_with(job: dict[str, Any], attempts: list[JobAttempt]) -> None:
    """A job's columns and its attempts tell the same story."""
    assert [attempt.number for attempt in attempts] == list(range(1, job["fence"] + 1))
    still = [attempt.number for attempt in attempts if attempt.outcome == Outcome.RUNNING]
    assert still == ([job["fence"]] if job["status"] == Status.RUNNING else [])
    assert job["attempts"] == sum(is_charged(attempt) for attempt in attempts)
    assert job["crashes"] < CRASHES_ALLOWED or job["error_code"] == "poisoned"
    if job["status"] == Status.SUCCEEDED:
        assert attempts[-1].outcome == Outcome.SUCCEEDED
    if job["status"] == Status.FAILED:
        assert attempts[-1].outcome in (Outcome.FAILED, Outcome.LOST)


def chosen(data: st.DataObject, rows: list[dict[str, Any]]) -> RenderJob:
    """One of the jobs, by its place in time, which a repetition of the same steps finds again."""
    place = data.draw(st.integers(0, len(rows) - 1))
    return RenderJob.objects.get(pk=rows[place]["id"])


@pytest.mark.slow
def test_no_order_of_events_loses_or_doubles_a_job(
    project: Project, clip: SpeakerClip, track: AudioTrack, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Queue, "world", World(project, clip, track, owner), raising=False)
    chosen_settings = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=not os.environ.get("SOAK"),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Queue, settings=chosen_settings)
