"""What goes because of its age: by whose policy, what stays all the same, what is told before, and what a run writes down."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from projects import accounts, bin, cleanup, jobs, retention
from projects.models import (
    AudioTrack,
    CleanupRun,
    Project,
    RenderBatch,
    RenderJob,
    RenderOutput,
    RetentionPolicy,
    SpeakerClip,
)
from projects.models.kept import BIN_DAYS
from tests import making

DAY = timedelta(days=1)


def grow_old(row: SpeakerClip | AudioTrack | RenderOutput | RenderJob, days: float) -> None:
    type(row).objects.filter(pk=row.pk).update(created_at=timezone.now() - days * DAY)


def everybody(**days: int) -> RetentionPolicy:
    return RetentionPolicy.objects.create(for_all=True, **days)


def gone(*things: bin.Thing) -> list[bool]:
    for thing in things:
        thing.refresh_from_db()
    return [not thing.is_kept for thing in things]


def test_without_a_policy_everything_stays(output: RenderOutput) -> None:
    grow_old(output, 4000)
    record = retention.run()
    assert (record.binned, record.removed, record.forgotten, record.lines) == (0, 0, 0, [])
    assert record.finished_at is not None


def test_old_videos_go_and_young_ones_stay(output: RenderOutput, owner: User, clip_file: Path) -> None:
    young = making.output(
        jobs.submit(project=output.job.project, clip=output.job.clip, track=output.job.track, created_by=owner), clip_file
    )
    everybody(video_days=30)
    grow_old(output, 30.1)
    grow_old(young, 29.9)
    record = retention.run()
    assert gone(output, young) == [True, False]
    assert (record.binned, record.binned_size) == (1, output.size)
    assert record.lines[0]["title"] == "Lecture 1 × Welcome, German"
    assert output.path.is_file(), "for a week more"
    RenderOutput.objects.filter(pk=output.pk).update(binned_at=timezone.now() - (BIN_DAYS + 1) * DAY)
    assert retention.run().removed_size == output.size
    assert not output.path.exists()


def test_originals_go_when_nobody_renders_from_them(output: RenderOutput, owner: User) -> None:
    clip, track = output.job.clip, output.job.track
    everybody(unused_days=10)
    grow_old(clip, 50)
    grow_old(track, 50)
    assert retention.run().binned == 0, "they were rendered from just now"
    grow_old(output.job, 11)
    waiting = jobs.submit(project=clip.speaker.project, clip=clip, track=track, created_by=owner)
    RenderJob.objects.filter(pk=waiting.pk).update(created_at=timezone.now() - 11 * DAY)
    assert retention.run().binned == 0, "one waits for them"
    jobs.cancel(job=waiting)
    assert retention.run().binned == 2
    assert gone(clip, track, output) == [True, True, False]


def test_what_is_pinned_and_what_was_taken_out_again_stays(output: RenderOutput, owner_client: Client) -> None:
    everybody(video_days=1)
    grow_old(output, 3)
    owner_client.post(f"/storage/videos/{output.pk}/keep/")
    assert retention.run().binned == 0
    owner_client.post(f"/storage/videos/{output.pk}/keep/", {"let_go": "1"})
    assert retention.run().binned == 1
    owner_client.post(f"/storage/videos/{output.pk}/restore/")
    assert retention.run().binned == 0, "else it would be back in the bin tomorrow"
    assert gone(output) == [False]


def test_the_projects_policy_goes_before_the_owners_and_everybodys(project: Project, owner: User) -> None:
    assert retention.policy_for(project).video_days is None
    everybody(video_days=300)
    assert retention.policy_for(project).video_days == 300
    RetentionPolicy.objects.create(owner=owner, video_days=200)
    assert retention.policy_for(project).video_days == 200
    RetentionPolicy.objects.create(project=project)
    assert retention.policy_for(project).video_days is None, "this one keeps them for ever"


@pytest.mark.django_db(transaction=True)
def test_a_policy_has_one_scope_and_the_installation_one_policy(project: Project, owner: User) -> None:
    everybody()
    for wrong in ({"for_all": True}, {}, {"project": project, "owner": owner}, {"project": project, "video_days": 0}):
        with pytest.raises(IntegrityError):
            RetentionPolicy.objects.create(**wrong)


def test_failed_renders_are_forgotten_but_those_of_batches(job: RenderJob, owner: User) -> None:
    everybody(failed_days=5)
    batch = RenderBatch.objects.create(project=job.project, created_by=owner, name="Course", name_pattern="{clip}")
    kept = RenderJob.objects.create(project=job.project, clip=job.clip, track=job.track, created_by=owner, batch=batch)
    for each in (job, kept):
        jobs.cancel(job=each)
    assert retention.run().forgotten == 0
    RenderJob.objects.update(finished_at=timezone.now() - 6 * DAY)
    assert retention.run(dry_run=True).forgotten == 1
    assert RenderJob.objects.count() == 2
    assert retention.run().forgotten == 1
    assert list(RenderJob.objects.all()) == [kept]


def test_a_week_before_it_goes_it_is_told_with_a_way_to_keep_it(
    output: RenderOutput, owner_client: Client, stranger_client: Client
) -> None:
    everybody(video_days=30)
    grow_old(output, 22)
    assert "Goes by itself soon" not in owner_client.get("/storage/").text
    grow_old(output, 24)
    page = owner_client.get("/storage/")
    assert "because of the 30-day rule" in page.text
    assert "30-day rule" not in stranger_client.get("/storage/").text
    assert stranger_client.post(f"/storage/videos/{output.pk}/keep/").status_code == 404
    owner_client.post(f"/storage/videos/{output.pk}/keep/")
    page = owner_client.get("/storage/")
    assert "30-day rule" not in page.text
    assert "kept whatever the rules say" in page.text


def test_a_dry_run_changes_nothing_and_tells_all(output: RenderOutput) -> None:
    everybody(video_days=1)
    grow_old(output, 2)
    said = io.StringIO()
    call_command("cleanup", "--dry-run", stdout=said)
    assert "videos" in said.getvalue()
    assert "Would be: 1 of" in said.getvalue()
    assert gone(output) == [False]
    said = io.StringIO()
    call_command("cleanup", "--json", stdout=said)
    told = json.loads(said.getvalue())
    assert (told["binned"], told["dry_run"], told["orphan_files"]) == (1, False, [])
    assert gone(output) == [True]


def test_it_runs_once_a_day_by_itself(output: RenderOutput) -> None:
    everybody(video_days=1)
    grow_old(output, 2)
    cleanup.run_due()
    cleanup.run_due()
    assert gone(output) == [True]
    assert CleanupRun.objects.count() == 1


def test_an_administrator_tries_it_before_it_is_done(administrator: User, owner_client: Client, output: RenderOutput) -> None:
    everybody(video_days=1)
    grow_old(output, 2)
    browser = making.browser(administrator)
    assert "Dry run" in browser.get("/admin/projects/cleanuprun/").text
    told = browser.post("/admin/projects/cleanuprun/run/", {"dry_run": "1"}, follow=True)
    assert "Lecture 1 × Welcome, German" in told.text
    assert gone(output) == [False]
    onlooker = accounts.create_user(username="otto", password="correct horse battery")
    User.objects.filter(pk=onlooker.pk).update(is_staff=True)
    onlooker.user_permissions.add(Permission.objects.get(codename="view_cleanuprun"))
    assert making.browser(onlooker).post("/admin/projects/cleanuprun/run/").status_code == 403
    assert gone(output) == [False]
    browser.post("/admin/projects/cleanuprun/run/")
    assert gone(output) == [False], "it asks first"
    browser.post("/admin/projects/cleanuprun/run/", {"confirmed": "yes"})
    assert gone(output) == [True]
    assert browser.get("/admin/projects/cleanuprun/run/").status_code == 403
    assert owner_client.post("/admin/projects/cleanuprun/run/").status_code == 302
    assert [(run.dry_run, run.by) for run in CleanupRun.objects.all()] == [(False, administrator), (True, administrator)]


def test_a_run_writes_down_the_first_of_many(
    output: RenderOutput, owner: User, clip_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "LINES_KEPT", 2)
    job = output.job
    for _ in range(3):
        making.output(jobs.submit(project=job.project, clip=job.clip, track=job.track, created_by=owner), clip_file)
    RenderOutput.objects.update(created_at=timezone.now() - 40 * DAY)
    everybody(video_days=30)
    record = retention.run(dry_run=True)
    assert (record.binned, len(record.lines)) == (4, 2)


def test_many_projects_cost_as_many_queries_as_one(
    output: RenderOutput, owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    everybody(video_days=30, unused_days=30)
    grow_old(output, 31)
    for _ in range(2):
        with django_assert_num_queries(6):
            assert [going.kind for going in retention.due(timezone.now())] == ["videos"]
        Project.objects.bulk_create(Project(owner=owner, name=f"Project {number}") for number in range(20))


def test_a_policy_alone_takes_only_what_it_counts_for(output: RenderOutput, owner: User) -> None:
    """The most particular one counts: of the project, else of its owner, else of the installation."""
    grow_old(output, 2)
    installation = RetentionPolicy.objects.create(for_all=True, video_days=1)
    assert retention.run(dry_run=True, policy=installation).binned == 1
    of_owner = RetentionPolicy.objects.create(owner=owner, video_days=1)
    assert retention.run(dry_run=True, policy=installation).binned == 0
    assert retention.run(dry_run=True, policy=of_owner).binned == 1
    of_project = RetentionPolicy.objects.create(project=output.job.project, video_days=1)
    assert retention.outlook([installation, of_owner], 5).binned == 0
    told = retention.outlook([of_project], 5)
    assert (told.binned, told.binned_size, [going.thing for going in told.first]) == (1, output.size, [output])
    assert retention.run(policy=of_project).binned == 1
    assert retention.run(policy=of_project).removed == 0, "the bin is not its business"
