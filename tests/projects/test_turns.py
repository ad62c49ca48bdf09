"""Whose render is next when many people wait: fair turns, limits, pauses, what an administrator puts first, and places told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import close_old_connections, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from projects import accounts, claims, turns, wakeups
from projects.claims import Claim
from projects.faults import Fault
from projects.models import Family, RenderJob, Speaker, Status, UserQueue
from projects.models.queues import RAISED
from tests import making

Submit = Callable[..., list[RenderJob]]
CROWD = 300


@pytest.fixture
def submit(clip_file: Path, voice_file: Path) -> Submit:
    """Queue so many renders of a person's, in a project of theirs."""

    def submit(user: User, count: int = 1, **fields: Any) -> list[RenderJob]:
        project = accounts.first_project(user)
        speaker, new = Speaker.objects.get_or_create(project=project, name="Li Wei")
        clip = making.clip(speaker, clip_file) if new else speaker.clips.get()
        track = making.track(project, voice_file) if new else project.tracks.get()
        job = RenderJob(project=project, clip=clip, track=track, created_by=user, **fields)
        return [RenderJob.objects.create(**_copied(job)) for _ in range(count)]

    return submit


def _copied(job: RenderJob) -> dict[str, Any]:
    fields = ("project", "clip", "track", "created_by", "priority")
    return {name: getattr(job, name) for name in fields}


def claimed() -> RenderJob:
    """The next job, which must be there."""
    claim = claims.claim()
    assert claim is not None
    return RenderJob.objects.get(pk=claim.job_id)


def end(job: RenderJob) -> None:
    """Let a running job have ended."""
    assert job.claim is not None
    assert claims.fail(Claim(job_id=job.pk, key=job.claim, fence=job.fence), Fault(Family.BUG, "bug", "It broke."))


def served(count: int) -> Iterator[RenderJob]:
    """One lane's work: each of the next jobs, which ends before the next is taken."""
    for _ in range(count):
        job = claimed()
        yield job
        end(job)


# --- turns -----------------------------------------------------------------------------------------------------------
def test_a_large_batch_delays_another_persons_render_by_two_at_most(submit: Submit, owner: User, stranger: User) -> None:
    submit(owner, CROWD)
    before = [job.created_by for job in served(3)]
    assert before == [owner] * 3
    (single,) = submit(stranger)
    assert single.pk in [job.pk for job in served(3)]


def test_people_take_turns_one_render_each(submit: Submit, owner: User, stranger: User, administrator: User) -> None:
    submit(owner, 4)
    submit(stranger, 2)
    submit(administrator, 1)
    names = [job.created_by.username for job in served(7)]
    assert names == ["olga", "stefan", "ada", "olga", "stefan", "olga", "olga"]


def test_who_was_served_last_comes_last_however_often_they_come_back(submit: Submit, owner: User, stranger: User) -> None:
    submit(owner, 10)
    for _ in range(3):
        (job,) = submit(stranger)
        assert {each.created_by for each in served(2)} == {owner, stranger}
        job.refresh_from_db()
        assert job.is_final


def test_of_ones_own_renders_priority_comes_before_age(submit: Submit, owner: User, stranger: User) -> None:
    submit(owner, 2)
    (urgent,) = submit(owner, priority=5)
    submit(stranger, 1)
    assert claimed() == urgent
    assert claimed().created_by == stranger


def test_the_cost_of_a_claim_does_not_grow_with_the_queue(
    submit: Submit, owner: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    submit(owner, 60)
    with django_assert_max_num_queries(14):
        claimed()


def test_enough_candidates_for_many_workers_at_once_in_turn(submit: Submit, owner: User, stranger: User) -> None:
    mine, theirs = submit(owner, 5), submit(stranger, 2)
    wanted = [mine[0], theirs[0], mine[1], theirs[1], mine[2], mine[3]]
    assert [turn.job_id for turn in turns.candidates(6)] == [job.pk for job in wanted]


def test_a_lost_render_is_taken_again_before_others_take_their_turn(submit: Submit, owner: User, stranger: User) -> None:
    submit(owner)
    lost = claimed()
    submit(stranger)
    RenderJob.objects.filter(pk=lost.pk).update(lease_until=timezone.now() - claims.LEASE)
    assert claimed() == lost


# --- limits ----------------------------------------------------------------------------------------------------------
def test_a_person_has_no_more_renders_running_than_allowed(
    submit: Submit, owner: User, stranger: User, settings: Settings
) -> None:
    settings.PARALLEL_JOBS_PER_USER = 2
    submit(owner, 5)
    running = [claimed(), claimed()]
    assert claims.claim() is None
    assert not turns.anything_due()
    (theirs,) = submit(stranger)
    assert claimed() == theirs
    end(running[0])
    assert claimed().created_by == owner
    assert claims.claim() is None


@pytest.mark.parametrize(("own", "runs"), [(None, 1), (3, 3), (0, 4)], ids=["everybody's", "one's own", "none"])
def test_an_administrator_sets_another_limit_for_one_person(
    submit: Submit, owner: User, settings: Settings, own: int | None, runs: int
) -> None:
    settings.PARALLEL_JOBS_PER_USER = 1
    UserQueue.objects.create(user=owner, parallel_limit=own)
    submit(owner, 4)
    assert sum(claims.claim() is not None for _ in range(5)) == runs


@pytest.mark.django_db(transaction=True)
def test_workers_that_ask_at_the_same_time_do_not_go_over_the_limit(submit: Submit, owner: User, settings: Settings) -> None:
    settings.PARALLEL_JOBS_PER_USER = 2
    submit(owner, 12)
    ready, won = threading.Barrier(6), []

    def work() -> None:
        try:
            ready.wait(timeout=30)
            won.append(claims.claim())
        finally:
            close_old_connections()
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert len(won) == 6
    assert sum(claim is not None for claim in won) == RenderJob.objects.filter(status=Status.RUNNING).count() == 2


# --- pauses ----------------------------------------------------------------------------------------------------------
def test_a_paused_person_is_passed_over_and_what_runs_goes_on(submit: Submit, owner: User, stranger: User) -> None:
    submit(owner, 2)
    running = claimed()
    turns.pause(user=owner)
    submit(stranger)
    assert claimed().created_by == stranger
    assert claims.claim() is None
    running.refresh_from_db()
    assert (running.status, running.cancel_requested) == (Status.RUNNING, False)
    turns.resume(user=owner)
    assert claimed().created_by == owner


def test_resuming_wakes_a_worker(
    submit: Submit,
    owner: User,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sent: list[bool] = []
    monkeypatch.setattr(wakeups, "send", lambda: sent.append(True))
    submit(owner)
    turns.pause(user=owner)
    with django_capture_on_commit_callbacks(execute=True):
        turns.resume(user=owner)
    assert sent == [True]


def test_pausing_twice_keeps_the_first_moment(owner: User) -> None:
    first = turns.pause(user=owner).paused_at
    assert first is not None
    assert turns.pause(user=owner).paused_at == first


# --- put first -------------------------------------------------------------------------------------------------------
def test_what_an_administrator_puts_first_is_served_before_everybodys(
    submit: Submit, owner: User, stranger: User, administrator: User
) -> None:
    submit(owner, 2, priority=9)
    theirs = submit(stranger, 3)
    turns.put_first(job=theirs[2], by=administrator)
    assert theirs[2].log_lines.filter(text="put first by ada").exists()
    assert turns.positions(theirs[:1])[theirs[0].pk] == 2
    assert claimed() == theirs[2]
    assert claimed().created_by == owner


def test_it_goes_over_the_limit_but_not_over_a_pause(
    submit: Submit, owner: User, administrator: User, settings: Settings
) -> None:
    settings.PARALLEL_JOBS_PER_USER = 1
    submit(owner)
    claimed()
    (raised,) = submit(owner)
    turns.put_first(job=raised, by=administrator)
    turns.pause(user=owner)
    assert claims.claim() is None
    turns.resume(user=owner)
    assert claimed() == raised


def test_put_back_it_waits_for_its_turn(submit: Submit, owner: User, stranger: User, administrator: User) -> None:
    mine, theirs = submit(owner, 2), submit(stranger)
    turns.put_first(job=mine[1], by=administrator)
    turns.put_back(job=mine[1], by=administrator)
    assert [job.pk for job in served(3)] == [mine[0].pk, theirs[0].pk, mine[1].pk]


def test_what_runs_already_is_not_raised(submit: Submit, owner: User, administrator: User) -> None:
    submit(owner)
    assert turns.put_first(job=claimed(), by=administrator).priority == 0


# --- places ----------------------------------------------------------------------------------------------------------
def test_the_places_told_are_the_turns_taken(submit: Submit, owner: User, stranger: User, administrator: User) -> None:
    everything = [*submit(owner, 6), *submit(stranger, 3), *submit(administrator, 1), *submit(stranger, 1, priority=3)]
    everything += submit(owner, 2, priority=RAISED)
    for job in served(2):
        assert job.priority == RAISED
    waiting = [job for job in everything if job.priority < RAISED]
    told = turns.positions(waiting)
    upcoming = turns.upcoming(100, turns.line())[0]
    taken = [job.pk for job in served(len(waiting))]
    assert sorted(told, key=lambda job_id: told[job_id]) == taken == upcoming
    assert sorted(told.values()) == list(range(len(waiting)))


def test_one_place_is_the_same_as_one_among_many(submit: Submit, owner: User, stranger: User) -> None:
    submit(stranger, 4)
    mine = submit(owner, 5)
    together = turns.positions(mine)
    assert [turns.positions([job])[job.pk] for job in mine] == [together[job.pk] for job in mine]


def test_running_renders_count_and_those_of_paused_people_do_not(submit: Submit, owner: User, stranger: User) -> None:
    submit(owner, 3)
    running = claimed()
    theirs = submit(stranger, 2)
    assert turns.positions([running, *theirs]) == {running.pk: 0, theirs[0].pk: 1, theirs[1].pk: 3}
    turns.pause(user=owner)
    assert turns.positions(theirs) == {theirs[0].pk: 1, theirs[1].pk: 2}


def test_ones_own_places_while_paused_are_those_after_resuming(submit: Submit, owner: User, stranger: User) -> None:
    mine = submit(owner, 2)
    submit(stranger, 1)
    turns.pause(user=owner)
    told = turns.positions(mine)
    turns.resume(user=owner)
    assert told == turns.positions(mine)


@pytest.mark.parametrize("count", [2, 20])
def test_many_places_cost_as_much_as_a_few(
    submit: Submit, owner: User, stranger: User, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    mine = submit(owner, count)
    submit(stranger, count)
    with django_assert_num_queries(3):
        turns.positions(mine)


@pytest.mark.parametrize("count", [1, 4, 6, 100])
def test_what_comes_next_is_told_in_whole_rounds(submit: Submit, owner: User, stranger: User, count: int) -> None:
    submit(owner, 7)
    submit(stranger, 2)
    following, _ranks = turns.upcoming(count, turns.line())
    assert min(count, 9) <= len(following) <= count + 1 or len(following) == 9
    assert following == [turn.job_id for turn in turns.candidates(len(following))]


# --- doors -----------------------------------------------------------------------------------------------------------
def test_a_script_pauses_and_resumes_its_own_queue(owner_client: Client, stranger_client: Client, settings: Settings) -> None:
    settings.PARALLEL_JOBS_PER_USER = 3
    assert owner_client.get("/api/v1/queue/").json() == {
        "paused": False,
        "paused_at": None,
        "parallel_limit": 3,
        "waiting": 0,
        "running": 0,
    }
    answer = owner_client.post("/api/v1/queue/pause/")
    assert (answer.status_code, answer.json()["paused"]) == (200, True)
    assert owner_client.get("/api/v1/queue/").json()["paused_at"] is not None
    assert stranger_client.get("/api/v1/queue/").json()["paused"] is False
    assert owner_client.post("/api/v1/queue/resume/").json()["paused"] is False


def test_only_an_administrator_raises_a_render(submit: Submit, owner: User, owner_client: Client, administrator: User) -> None:
    (job,) = submit(owner)
    address = f"/api/v1/jobs/{job.pk}/raise/"
    assert owner_client.post(address).status_code == 404
    job.refresh_from_db()
    assert job.priority == 0
    staff = making.browser(administrator)
    assert staff.post(address).status_code == 200
    job.refresh_from_db()
    assert job.priority == RAISED
    assert staff.delete(address).status_code == 200
    job.refresh_from_db()
    assert job.priority == 0


def test_the_admin_raises_renders_and_pauses_queues(submit: Submit, owner: User, administrator: User) -> None:
    job, other = submit(owner, 2)
    staff = making.browser(administrator)
    chosen = {"action": "put_first", "_selected_action": [str(other.pk)]}
    staff.post(reverse("admin:projects_renderjob_changelist"), chosen)
    assert next(turns.candidates(1)).job_id == other.pk
    staff.post(reverse("admin:projects_renderjob_changelist"), chosen | {"action": "put_back"})
    assert next(turns.candidates(1)).job_id == job.pk
    queue = UserQueue.objects.create(user=owner)
    page = reverse("admin:projects_userqueue_changelist")
    staff.post(page, {"action": "pause_queues", "_selected_action": [str(queue.pk)]})
    assert not turns.anything_due()
    staff.post(page, {"action": "resume_queues", "_selected_action": [str(queue.pk)]})
    assert turns.anything_due()
