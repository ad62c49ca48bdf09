"""Quotas: what a plan limits, who it is counted against, and that nobody gets past it at the same moment as somebody else."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import close_old_connections
from django.test import Client
from django.utils import timezone

from projects import accounts, batches, jobs, quotas, resumable, turns, uploads
from projects.errors import ProjectError
from projects.models import AudioTrack, PersonPlan, Project, ProjectPlan, QuotaPlan, RenderJob, SpeakerClip
from tests import making

CREATES, ROUNDS = 50, 20 if os.environ.get("SOAK") else 1  # at once, and how often


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(ProjectError) as refused:
        act()
    return refused.value.code


def usual(**limits: int) -> QuotaPlan:
    return QuotaPlan.objects.create(name="Usual", is_usual=True, **limits)


def test_without_a_plan_nothing_is_limited(project: Project, clip: SpeakerClip, track: AudioTrack, owner: User) -> None:
    room, minutes = quotas.room_of_project(project), quotas.minutes_of(owner)
    assert (room.limit, room.left, minutes.limit, minutes.left) == (None, None, None, None)
    assert room.used == clip.size + track.size
    assert room.share == 0.0
    quotas.check_file(project, 10**15)


def test_a_file_that_does_not_fit_is_refused_before_and_leaves_nothing(
    project: Project, clip: SpeakerClip, owner_client: Client, voice_file: Path, media_root: Path
) -> None:
    usual(bytes_per_project=clip.size + voice_file.stat().st_size - 1)
    body = {"project": str(project.pk), "file": making.upload(voice_file)}
    answer = owner_client.post("/api/v1/tracks/", body)
    assert (answer.status_code, answer.json()["code"]) == (403, "quota_bytes")
    assert "Delete what is no longer wanted" in answer.json()["message"]
    assert not AudioTrack.objects.exists()
    assert not list((media_root / "audio").glob("*"))


def test_a_file_that_fits_to_the_byte_is_taken(project: Project, clip: SpeakerClip, voice_file: Path) -> None:
    usual(bytes_per_project=clip.size + voice_file.stat().st_size)
    uploads.add_track(project=project, uploaded_file=making.upload(voice_file))
    room = quotas.room_of_project(project)
    assert (room.left, room.share) == (0, 1.0)


def test_all_projects_of_a_person_count_together(project: Project, clip: SpeakerClip, owner: User, voice_file: Path) -> None:
    usual(bytes_per_person=clip.size + 10)
    other = Project.objects.create(owner=owner, name="Second")
    assert quotas.room_of_person(owner).left == 10
    assert refusal(lambda: uploads.add_track(project=other, uploaded_file=making.upload(voice_file))) == "quota_bytes"


def test_a_given_plan_goes_before_the_usual_one(project: Project, owner: User, stranger: User) -> None:
    usual(bytes_per_project=1, bytes_per_person=2, minutes_per_month=3)
    wide = QuotaPlan.objects.create(name="Wide", bytes_per_project=10**9, minutes_per_month=300)
    PersonPlan.objects.create(user=owner, plan=wide)
    assert (quotas.plan_of(owner), quotas.plan_of(stranger).name) == (wide, "Usual")
    assert quotas.room_of_project(project).limit == 10**9
    assert quotas.room_of_person(owner).limit is None
    narrow = QuotaPlan.objects.create(name="Narrow", bytes_per_project=5)
    ProjectPlan.objects.create(project=project, plan=narrow)
    assert quotas.room_of_project(project).limit == 5
    assert quotas.minutes_of(owner).limit == 300 * 60


def test_a_render_keeps_room_while_it_lives_and_gives_it_back(
    project: Project, clip: SpeakerClip, track: AudioTrack, owner: User, clip_file: Path
) -> None:
    job = jobs.submit(project=project, clip=clip, track=track, created_by=owner)
    reserved = job.expected_size
    assert reserved > 0
    assert quotas.room_of_project(project).expected == reserved
    usual(bytes_per_project=clip.size + track.size + reserved + reserved // 2)
    assert refusal(lambda: jobs.submit(project=project, clip=clip, track=track, created_by=owner)) == "quota_bytes"
    jobs.cancel(job=job)
    again = jobs.submit(project=project, clip=clip, track=track, created_by=owner)
    output = making.output(again, clip_file)
    room = quotas.room_of_project(project)
    assert (room.expected, room.outputs) == (0, output.size)


def test_minutes_are_counted_by_month_and_only_where_a_video_came_of_it(
    project: Project, clip: SpeakerClip, track: AudioTrack, owner: User, clip_file: Path
) -> None:
    usual(minutes_per_month=1)
    AudioTrack.objects.filter(pk=track.pk).update(duration=25.0)
    track.refresh_from_db()
    making.output(jobs.submit(project=project, clip=clip, track=track, created_by=owner), clip_file)
    waiting = jobs.submit(project=project, clip=clip, track=track, created_by=owner)
    assert quotas.minutes_of(owner) == quotas.Minutes(used=50.0, limit=60.0)
    assert refusal(lambda: jobs.submit(project=project, clip=clip, track=track, created_by=owner)) == "quota_minutes"
    jobs.cancel(job=waiting)
    assert quotas.minutes_of(owner).left == 35.0
    RenderJob.objects.update(created_at=timezone.localtime().replace(day=1, hour=0, minute=0) - timedelta(minutes=1))
    assert quotas.minutes_of(owner).left == 60.0


def test_a_refusal_never_tells_of_seconds_that_would_fit(
    project: Project, clip: SpeakerClip, track: AudioTrack, owner: User
) -> None:
    usual(minutes_per_month=1)
    AudioTrack.objects.filter(pk=track.pk).update(duration=32.0)
    track.refresh_from_db()
    jobs.submit(project=project, clip=clip, track=track, created_by=owner)
    with pytest.raises(ProjectError, match=r"This makes 0.6 minutes of video, and 0.4 of this month's 1 are left"):
        jobs.submit(project=project, clip=clip, track=track, created_by=owner)


def test_a_render_that_does_not_fit_blames_no_field_that_it_has_not(
    project: Project, clip: SpeakerClip, track: AudioTrack, owner: User, voice_file: Path
) -> None:
    usual(bytes_per_project=clip.size + track.size)
    with pytest.raises(ProjectError) as render:
        jobs.submit(project=project, clip=clip, track=track, created_by=owner)
    with pytest.raises(ProjectError) as upload:
        uploads.add_track(project=project, uploaded_file=making.upload(voice_file))
    assert [error.value.field for error in (render, upload)] == ["", "file"]


def test_an_upload_keeps_its_room_from_its_first_byte_on(project: Project, owner: User, voice_file: Path) -> None:
    size = voice_file.stat().st_size
    usual(bytes_per_project=2 * size - 1)
    first = making.arriving(owner, project, size)
    assert quotas.room_of_project(project).arriving == size
    assert refusal(lambda: making.arriving(owner, project, size)) == "quota_bytes"
    resumable.append(upload=first, offset=0, length=size, body=io.BytesIO(voice_file.read_bytes()))
    room = quotas.room_of_project(project)
    assert (room.arriving, room.tracks) == (0, size)
    resumable.end(upload=making.arriving(owner, project, size - 1))
    assert quotas.room_of_project(project).arriving == 0


def test_a_batch_that_does_not_fit_is_refused_as_a_whole(
    project: Project, clip: SpeakerClip, track: AudioTrack, owner: User, voice_file: Path
) -> None:
    other = making.track(project, voice_file, title="Second")
    room = quotas.room_of_project(project)
    usual(bytes_per_project=room.used + batches.need([(clip, track)]).size)
    cells = batches.matrix([clip], [track, other])
    assert refusal(lambda: batches.submit(project=project, cells=cells, created_by=owner)) == "quota_bytes"
    assert not RenderJob.objects.exists()
    batches.submit(project=project, cells=cells[:1], created_by=owner)


def test_a_plan_limits_how_many_run_at_once(owner: User, stranger: User) -> None:
    usual(parallel_renders=3)
    PersonPlan.objects.create(user=stranger, plan=QuotaPlan.objects.create(name="One", parallel_renders=1))
    assert turns.limits([owner.pk, stranger.pk]) == {owner.pk: 3, stranger.pk: 1}


def test_there_is_one_usual_plan(administrator: User) -> None:
    usual()
    browser = making.browser(administrator)
    page = browser.post("/admin/projects/quotaplan/add/", {"name": "Another", "is_usual": "on"})
    assert page.status_code == 200
    assert QuotaPlan.objects.count() == 1
    page = browser.get("/admin/projects/quotaplan/")
    assert "Usual" in page.text


@pytest.mark.django_db(transaction=True)
def test_many_who_ask_at_once_never_go_over(project: Project, clip: SpeakerClip, track: AudioTrack, owner: User) -> None:
    """T18; `test_postgresql.py` has it on the other database."""
    fitting = 7
    one = batches.need([(clip, track)]).size
    usual(bytes_per_project=clip.size + track.size + fitting * one + one // 2)
    for _ in range(ROUNDS):
        refused = storm(CREATES, lambda: jobs.submit(project=project, clip=clip, track=track, created_by=owner))
        assert refused == ["quota_bytes"] * (CREATES - fitting)
        room = quotas.room_of_project(project)
        assert room.expected == fitting * one, "not one byte over, none lost"
        for job in RenderJob.objects.filter(status="queued"):
            jobs.cancel(job=job)
        assert quotas.room_of_project(project).expected == 0


def storm(count: int, act: Callable[[], object]) -> list[str]:
    """Do it in so many threads at once. Returns the codes of the refusals; any other error is raised."""
    barrier, refused, wrong = threading.Barrier(count), list[str](), list[BaseException]()

    def one() -> None:
        try:
            barrier.wait(60)
            act()
        except ProjectError as error:
            refused.append(error.code)
        except BaseException as error:
            wrong.append(error)
        finally:
            close_old_connections()

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not wrong, wrong[:3]
    return refused


def test_the_first_project_of_a_new_person_needs_no_room(db: None) -> None:
    usual(bytes_per_person=0, bytes_per_project=0)
    person = accounts.create_user(username="nina", password="correct horse battery")
    assert quotas.room_of_person(person).share == 1.0
    assert accounts.first_project(person).pk
