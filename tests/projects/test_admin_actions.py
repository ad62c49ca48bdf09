"""What administrators do from lists and pages: asked first where something is stopped or goes, and in the audit log."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from projects import bin, quotas, turns
from projects.models import (
    AudioTrack,
    AuditEntry,
    CleanupRun,
    Lane,
    PersonPlan,
    Project,
    QuotaPlan,
    RenderJob,
    RenderOutput,
    RetentionPolicy,
    Speaker,
    SpeakerClip,
    Status,
)
from projects.models.queues import RAISED
from tests import making

YES = {"confirmed": "yes"}
RUN, EMPTY = "/admin/projects/cleanuprun/run/", "/admin/projects/cleanuprun/empty-bin/"


@pytest.fixture
def browser(administrator: User) -> Client:
    """The administrator's browser."""
    return making.browser(administrator)


def changelist(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def choose(action: str, *rows: Model, **more: str) -> dict[str, object]:
    return {"action": action, "_selected_action": [str(row.pk) for row in rows], **more}


def done(verb: str) -> list[tuple[str, str]]:
    """Who did it to what."""
    return list(AuditEntry.objects.filter(verb=verb).order_by("id").values_list("actor_name", "object_name"))


def still(row: Model) -> Model:
    return type(row)._default_manager.get(pk=row.pk)


# --- renders ----------------------------------------------------------------------------------------------------------
def test_renders_are_cancelled_after_a_question(browser: Client, job: RenderJob) -> None:
    asked = browser.post(changelist(RenderJob), choose("cancel_renders", job))
    assert "Cancel 1 render?" in asked.text
    assert f"{job} · olga" in asked.text
    assert RenderJob.objects.get().status == Status.QUEUED
    assert not done("job.cancelled")
    browser.post(changelist(RenderJob), choose("cancel_renders", job) | YES)
    assert RenderJob.objects.get().status == Status.CANCELLED
    assert done("job.cancelled") == [("ada", str(job))]


def test_what_has_ended_is_not_asked_about(browser: Client, output: RenderOutput) -> None:
    answer = browser.post(changelist(RenderJob), choose("cancel_renders", output.job), follow=True)
    assert "these have ended already" in answer.text


def test_the_question_hands_on_what_was_chosen_across_pages(browser: Client, job: RenderJob) -> None:
    asked = browser.post(changelist(RenderJob), choose("cancel_renders", job, select_across="1")).text
    for name, value in (("action", "cancel_renders"), ("select_across", "1"), ("_selected_action", str(job.pk))):
        assert f'<input type="hidden" name="{name}" value="{value}">' in asked


def test_a_rows_own_page_has_the_actions_and_is_come_back_to(browser: Client, job: RenderJob) -> None:
    page = reverse("admin:projects_renderjob_change", args=[job.pk])
    assert 'value="put_first">Put first</button>' in browser.get(page).text
    answer = browser.post(changelist(RenderJob), choose("put_first", job, from_row="1"))
    assert answer.headers["Location"] == page
    assert RenderJob.objects.get().priority == RAISED
    assert done("job.put_first") == [("ada", str(job))]
    asked = browser.post(changelist(RenderJob), choose("cancel_renders", job, from_row="1"))
    assert f'href="{page}">No, go back' in asked.text


def test_queues_are_paused_and_a_rest_is_ended_without_a_question(browser: Client, owner: User, lane: object) -> None:
    browser.post(changelist(User), choose("pause_queues", owner))
    assert turns.queue_of(owner).paused_at
    browser.post(changelist(User), choose("resume_queues", owner))
    assert not turns.queue_of(owner).paused_at
    assert (done("queue.paused"), done("queue.resumed")) == ([("ada", "olga")], [("ada", "olga")])
    now = timezone.now()
    Lane.objects.update(paused_at=now, paused_until=now + timedelta(hours=1), pause_reason="no_space")
    browser.post(changelist(Lane), choose("let_go_on", Lane.objects.get()))
    assert Lane.objects.get().paused_until is None
    assert len(done("lane.resumed")) == 1


# --- plans ------------------------------------------------------------------------------------------------------------
def test_many_people_are_given_a_plan_and_lose_it_again(browser: Client, owner: User, stranger: User) -> None:
    plan = QuotaPlan.objects.create(name="Team", bytes_per_person=5)
    PersonPlan.objects.create(user=owner, plan=QuotaPlan.objects.create(name="Old"))
    asked = browser.post(changelist(User), choose("give_plan", owner, stranger))
    assert "Which plan for 2 people?" in asked.text
    assert PersonPlan.objects.count() == 1
    browser.post(changelist(User), choose("give_plan", owner, stranger, plan=str(plan.pk)) | YES)
    assert {quotas.plan_of(owner), quotas.plan_of(stranger)} == {plan}
    assert sorted(done("plan.given")) == [("ada", "olga"), ("ada", "stefan")]
    assert AuditEntry.objects.filter(verb="plan.given").latest("id").detail == {"plan": "Team"}
    browser.post(changelist(User), choose("give_plan", owner, stranger, plan="") | YES)
    assert not PersonPlan.objects.exists()


@pytest.mark.parametrize(("typed", "kept"), [("20", 20 * 2**30), ("0.5", 2**29), ("0", 0), ("", None)])
def test_the_sizes_of_a_plan_are_typed_in_gigabytes(browser: Client, typed: str, kept: int | None) -> None:
    answer = browser.post("/admin/projects/quotaplan/add/", {"name": "Team", "bytes_per_person": typed})
    assert answer.status_code == 302
    plan = QuotaPlan.objects.get()
    assert plan.bytes_per_person == kept
    page = browser.get(f"/admin/projects/quotaplan/{plan.pk}/change/").text
    assert re.search(rf'name="bytes_per_person"[^>]*value="{typed}"', page) or not typed
    assert "Gigabytes per person" in page


@pytest.mark.parametrize("size", [0, 1, 20 * 10**9, 12345 * 2**30, 2**50 + 1])
def test_a_plan_that_is_saved_as_it_was_shown_stays_as_it_was(browser: Client, size: int) -> None:
    plan = QuotaPlan.objects.create(name="Team", bytes_per_person=size)
    address = f"/admin/projects/quotaplan/{plan.pk}/change/"
    field = next(part for part in browser.get(address).text.split("<input") if 'name="bytes_per_person"' in part)
    shown = re.findall(r'value="([^"]*)"', field)[0]
    assert browser.post(address, {"name": "Course", "bytes_per_person": shown}).status_code == 302
    plan.refresh_from_db()
    assert (plan.name, plan.bytes_per_person) == ("Course", size)
    assert AuditEntry.objects.get(object_type="quotaplan").detail == {"what": ["Name"]}


@pytest.mark.parametrize("typed", ["-1", "nan", "1e30", "twenty", "9" * 40])
def test_what_is_no_size_is_told(browser: Client, typed: str) -> None:
    answer = browser.post("/admin/projects/quotaplan/add/", {"name": "Team", "bytes_per_person": typed})
    assert answer.status_code == 200
    assert not QuotaPlan.objects.exists()


def test_a_project_is_given_a_plan(browser: Client, project: Project) -> None:
    plan = QuotaPlan.objects.create(name="Team", bytes_per_project=5)
    browser.post(changelist(Project), choose("give_plan", project, plan=str(plan.pk)) | YES)
    assert quotas.plan_for(project) == plan


def test_a_plan_that_is_gone_is_asked_for_again(browser: Client, owner: User) -> None:
    answer = browser.post(changelist(User), choose("give_plan", owner, plan="99") | YES)
    assert answer.status_code == 200
    assert "valid choice" in answer.text
    assert not PersonPlan.objects.exists()


def test_what_is_changed_by_hand_is_in_the_audit_log(browser: Client, administrator: User) -> None:
    sent = {"name": "Team", "bytes_per_person": "5"}
    browser.post("/admin/projects/quotaplan/add/", sent)
    plan = QuotaPlan.objects.get()
    browser.post(f"/admin/projects/quotaplan/{plan.pk}/change/", sent | {"bytes_per_person": "6"})
    browser.post(f"/admin/projects/quotaplan/{plan.pk}/change/", sent | {"bytes_per_person": "6"})
    browser.post(f"/admin/projects/quotaplan/{plan.pk}/delete/", {"post": "yes"})
    for verb in ("quotaplan.added", "quotaplan.changed", "quotaplan.removed"):
        assert done(verb) == [("ada", "Team")], verb
    assert "person" in str(AuditEntry.objects.get(verb="quotaplan.changed").detail)


# --- files ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [SpeakerClip, AudioTrack, RenderOutput])
def test_files_go_into_the_bin_and_out_of_it_and_for_good(browser: Client, output: RenderOutput, kind: type[Model]) -> None:
    thing = kind._default_manager.get()
    where, name = changelist(kind), bin.NAMES[kind]  # type: ignore[index]
    asked = browser.post(where, choose("put_into_bin", thing))
    assert "into the bin?" in asked.text
    assert "olga" not in asked.text
    assert "My project" in asked.text
    assert still(thing).is_kept  # type: ignore[attr-defined]
    browser.post(where, choose("put_into_bin", thing) | YES)
    assert not still(thing).is_kept  # type: ignore[attr-defined]
    browser.post(where, choose("take_out", thing))
    assert still(thing).is_kept  # type: ignore[attr-defined]
    assert "Nothing to do" in browser.post(where, choose("remove_for_good", thing), follow=True).text
    browser.post(where, choose("put_into_bin", thing) | YES)
    assert "for good?" in browser.post(where, choose("remove_for_good", thing)).text
    path = Path(thing.path)  # type: ignore[attr-defined]
    assert path.is_file()
    browser.post(where, choose("remove_for_good", thing) | YES)
    assert not path.exists()
    assert still(thing).purged_at  # type: ignore[attr-defined]
    for deed, times in (("deleted", 2), ("restored", 1), ("removed", 1)):
        assert len(done(f"{name}.{deed}")) == times, deed


def test_what_a_render_needs_stays_and_it_is_said(browser: Client, job: RenderJob) -> None:
    answer = browser.post(changelist(SpeakerClip), choose("put_into_bin", job.clip) | YES, follow=True)
    assert "0 put into the bin." in answer.text
    assert "waits or is being made needs it" in answer.text
    assert SpeakerClip.objects.get().is_kept
    SpeakerClip.objects.update(binned_at=timezone.now())
    answer = browser.post(changelist(SpeakerClip), choose("remove_for_good", job.clip) | YES, follow=True)
    assert "1 could not be removed" in answer.text
    assert Path(job.clip.path).is_file()


def test_files_are_pinned_and_let_go(browser: Client, output: RenderOutput) -> None:
    browser.post(changelist(RenderOutput), choose("keep", output))
    assert RenderOutput.objects.get().pinned
    browser.post(changelist(RenderOutput), choose("let_go", output))
    assert not RenderOutput.objects.get().pinned


@pytest.mark.parametrize(("where", "count"), [("kept", 1), ("bin", 0), ("gone", 0), ("pinned", 0)])
def test_files_are_found_by_where_they_are(browser: Client, output: RenderOutput, where: str, count: int) -> None:
    assert browser.get(changelist(RenderOutput), {"where": where}).context["cl"].result_count == count


# --- cleaning ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def old(output: RenderOutput) -> RenderOutput:
    """A video that the installation's policy would take."""
    RetentionPolicy.objects.create(for_all=True, video_days=1)
    RenderOutput.objects.update(created_at=timezone.now() - timedelta(days=2))
    return RenderOutput.objects.get()


def test_a_dry_run_lists_what_would_go_and_why_and_offers_to_do_it(browser: Client, old: RenderOutput) -> None:
    page = browser.post(RUN, {"dry_run": "1"}, follow=True).text
    for told in (
        "Lecture 1 × Welcome, German",
        "would go into the bin",
        "videos are kept for 1 days",
        "nothing has been changed",
    ):
        assert told in page
    assert "Clean up now" in page
    asked = browser.post(RUN)
    assert "Put 1 clips, voices and videos into the bin?" in asked.text
    assert RenderOutput.objects.get().is_kept
    browser.post(RUN, YES)
    assert not RenderOutput.objects.get().is_kept
    assert [entry.detail["binned"] for entry in AuditEntry.objects.filter(verb="cleanup.run")] == [1]


def test_one_policy_is_tried_and_applied_alone(browser: Client, old: RenderOutput, stranger_speaker: Speaker) -> None:
    theirs = RetentionPolicy.objects.create(project=stranger_speaker.project, video_days=1)
    ours = RetentionPolicy.objects.get(for_all=True)
    where = changelist(RetentionPolicy)
    tried = browser.post(where, choose("dry_run", theirs), follow=True)
    assert "Nothing is due." in tried.text
    tried = browser.post(where, choose("dry_run", ours), follow=True)
    assert "Lecture 1 × Welcome, German" in tried.text
    assert f'name="policy" value="{ours.pk}"' in tried.text
    asked = browser.post(RUN, {"policy": ours.pk})
    assert f'name="policy" value="{ours.pk}"' in asked.text
    browser.post(where, choose("apply_now", theirs) | YES)
    assert RenderOutput.objects.get().is_kept
    assert "Put 1 clips" in browser.post(where, choose("apply_now", ours)).text
    browser.post(where, choose("apply_now", ours) | YES)
    assert not RenderOutput.objects.get().is_kept
    assert CleanupRun.objects.filter(dry_run=False, scope="policy", policy=ours, binned=1).count() == 1


def test_the_bin_is_emptied_after_a_question(browser: Client, output: RenderOutput, owner: User) -> None:
    bin.put(output, by=owner)
    asked = browser.post(EMPTY)
    assert "Remove 1 files from the bin for good?" in asked.text
    assert output.path.is_file()
    told = browser.post(EMPTY, YES, follow=True)
    assert not output.path.exists()
    assert "for good" in told.text
    run = CleanupRun.objects.get()
    assert (run.scope, run.removed, run.removed_size, run.by) == ("bin", 1, output.size, User.objects.get(username="ada"))
    assert run.lines[0]["deed"] == "removed"
    assert browser.get(EMPTY).status_code == 403


# --- consents ---------------------------------------------------------------------------------------------------------
def test_lecturers_are_found_by_how_their_consent_stands(browser: Client, output: RenderOutput) -> None:
    lecturer = output.job.clip.speaker
    today = timezone.localdate()
    missing = Speaker.objects.create(project=lecturer.project, name="Nobody asked")
    for state, fields in (
        ("valid", {"expires_on": None}),
        ("soon", {"expires_on": today + timedelta(days=29)}),
        ("expired", {"expires_on": today - timedelta(days=1), "given_on": today - timedelta(days=9)}),
        ("withdrawn", {"withdrawn_at": timezone.now()}),
    ):
        lecturer.consents.update(**fields)
        found = browser.get(changelist(Speaker), {"consent": state})
        assert [row.pk for row in found.context["cl"].result_list] == [lecturer.pk], state
    found = browser.get(changelist(Speaker), {"consent": "missing"})
    assert [row.pk for row in found.context["cl"].result_list] == [missing.pk]
    videos = f"{changelist(RenderOutput)}?job__clip__speaker={lecturer.pk}&amp;where=kept"
    assert videos in browser.get(changelist(Speaker)).text
    assert browser.get(videos.replace("&amp;", "&")).context["cl"].result_count == 1
    assert browser.get(videos.replace("&amp;", "&").replace(str(lecturer.pk), str(missing.pk))).context["cl"].result_count == 0
