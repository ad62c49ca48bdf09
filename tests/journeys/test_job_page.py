"""One render's page: what it says in every state, and to whom."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from projects import claims, turns
from projects.faults import Fault
from projects.models import JobAttempt, JobLogLine, Outcome, RenderJob, RenderOverview, Status
from projects.pace import Pace
from tests import making

AddJob = Callable[..., RenderJob]


def page(client: Client, job: RenderJob, name: str = "job") -> str:
    response = client.get(reverse(f"pages:{name}", args=[job.pk]))
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("status", Status.values)
def test_every_state_has_a_page_and_a_live_part(owner_client: Client, add_job: AddJob, status: str) -> None:
    job = add_job(status)
    assert f"state-{status}" in page(owner_client, job) or status == Status.SUCCEEDED
    assert 'id="job-live"' in page(owner_client, job, "job_live")


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING])
def test_it_asks_again_every_two_seconds_while_it_may_change(owner_client: Client, add_job: AddJob, status: str) -> None:
    assert 'hx-trigger="every 2s"' in page(owner_client, add_job(status), "job_live")


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED])
def test_it_stops_asking_when_nothing_will_change(owner_client: Client, add_job: AddJob, status: str) -> None:
    assert "hx-trigger" not in page(owner_client, add_job(status), "job_live")


def test_a_waiting_render_says_how_many_are_before_it(owner_client: Client, add_job: AddJob) -> None:
    add_job(Status.RUNNING)
    add_job()
    assert "2 videos before this one" in page(owner_client, add_job())


def test_a_waiting_render_says_when_it_starts_and_ends(owner_client: Client, add_job: AddJob) -> None:
    add_job(Status.RUNNING)
    text = " ".join(page(owner_client, add_job()).split())
    assert "starts in about 3 minutes" in text
    assert "done in about 3 minutes, at " in text


def test_a_running_render_says_stage_frames_and_time_left(owner_client: Client, add_job: AddJob) -> None:
    text = page(owner_client, add_job(Status.RUNNING))
    assert "Making the frames" in text
    assert "250 of 1000 frames" in text
    assert "about 3 minutes left" in text


def test_the_bar_shows_the_whole_render_and_not_the_stage(owner_client: Client, add_job: AddJob) -> None:
    text = page(owner_client, add_job(Status.RUNNING))
    assert 'value="0.600"' in text
    assert "60 %" in text


def test_a_render_that_looks_at_a_long_clip_counts_its_frames(owner_client: Client, add_job: AddJob) -> None:
    text = page(owner_client, add_job(Status.RUNNING, stage="look", progress=0.1, seconds_left=None))
    assert "Looking at the face" in text
    assert "250 of 1000 frames" in text
    assert "left" not in text.split("250 of 1000 frames")[1].split("<progress")[0]


def test_the_bar_says_nothing_before_there_is_something_to_say(owner_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.RUNNING, stage="plan", frames_done=0, frames_total=0, progress=0.0, seconds_left=None)
    assert "value" not in page(owner_client, job).split("<progress")[1].split(">")[0]


def test_a_render_that_is_being_stopped_says_so(owner_client: Client, add_job: AddJob) -> None:
    text = page(owner_client, add_job(Status.RUNNING, cancel_requested=True))
    assert "Stopping" in text
    assert "60 %" not in text.split("stage-word")[1].split("</p>")[0]


def test_every_notice_is_told_in_the_readers_language(owner_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.SUCCEEDED)
    job.output.notices = [
        "The face is dark. Film with soft light from the front.",
        "Only 8.0 s are there to borrow mouths from. Film 30 seconds of natural speech or more.",
    ]
    job.output.save()
    text = page(owner_client, job)
    assert all(f"<li>{notice}</li>" in text for notice in job.output.notices)
    owner_client.cookies.load({"django_language": "zh-hans"})
    text = page(owner_client, job)
    assert "脸部偏暗" in text
    assert "8.0 秒" in text


def test_a_finished_render_plays_downloads_and_tells_its_quality(owner_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.SUCCEEDED)
    text = page(owner_client, job)
    assert f'src="{job.output.file_url}"' in text
    assert f'href="{job.output.file_url}?download=1"' in text
    assert "The mouth opens and closes with the voice." in text
    assert "The lips are clearly softer than in the take." in text
    assert "The face is seen in 95% of the clip." in text


def test_a_failed_render_says_cause_place_and_next_step(owner_client: Client, add_job: AddJob) -> None:
    text = page(owner_client, add_job(Status.FAILED))
    assert "No face was found. Film the face." in text
    assert "At 0:03 in the file." in text
    assert "Use another video" in text
    assert "Try again" in text


@pytest.mark.parametrize(
    ("code", "words", "kept"),
    [
        ("mouth_covered", "Use another video", "track={job.track_id}"),
        ("silent_sound", "Use another voice", "clip={job.clip_id}"),
        ("no_face_there", "Choose again", "clip={job.clip_id}&amp;track={job.track_id}"),
    ],
)
def test_what_is_not_at_fault_is_kept(owner_client: Client, add_job: AddJob, code: str, words: str, kept: str) -> None:
    job = add_job(Status.FAILED, error_code=code)
    text = page(owner_client, job)
    assert f'href="/?{kept.format(job=job)}"' in text
    assert [each for each in ("Use another video", "Use another voice", "Choose again") if each in text] == [words]


def test_a_fault_of_the_machine_does_not_ask_for_other_files(owner_client: Client, add_job: AddJob) -> None:
    text = page(owner_client, add_job(Status.FAILED, error_family="environment", error_code="no_space"))
    assert "Use another video" not in text
    assert "Try again" in text


def test_the_log_of_the_render_is_on_its_page(owner_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.RUNNING)
    JobLogLine.objects.create(job=job, level="warning", text="the voice is <quiet>")
    assert "the voice is &lt;quiet&gt;" in page(owner_client, job)


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING])
def test_a_cancel_shows_at_once_and_can_be_taken_back(owner_client: Client, add_job: AddJob, status: str) -> None:
    job = add_job(status)
    response = owner_client.post(reverse("pages:cancel", args=[job.pk]))
    assert response["Location"] == reverse("pages:job", args=[job.pk])
    text = page(owner_client, job)
    assert "state-cancelled" in text
    assert f"undo-{job.pk}" in text
    owner_client.post(reverse("pages:undo_cancel", args=[job.pk]))
    assert f"state-{status}" in page(owner_client, job)


@pytest.mark.parametrize(("where", "part"), [({}, 'id="job-live"'), ({"next": "queue"}, 'id="queue-live"')])
def test_with_htmx_only_the_live_part_is_answered_with_the_next_button_in_focus(
    owner_client: Client, add_job: AddJob, where: dict[str, str], part: str
) -> None:
    url = reverse("pages:cancel", args=[add_job().pk])
    text = owner_client.post(url, where, headers={"HX-Request": "true"}).content.decode()
    assert part in text
    assert "<html" not in text
    assert re.search(r'id="undo-[^"]*"\s+autofocus', text)


def test_a_live_part_that_has_not_changed_is_not_sent_again(owner_client: Client, owner: User, add_job: AddJob) -> None:
    job = add_job()
    turns.pause(user=owner)  # no clock time stands in what is shown then
    for url in (reverse("pages:job_live", args=[job.pk]), reverse("pages:queue_live")):
        first = owner_client.get(url)
        assert "no-store" in first["Cache-Control"]
        known = {"If-None-Match": first["ETag"]}
        assert owner_client.get(url, headers=known).status_code == 304
        RenderJob.objects.update(cancels_at=timezone.now())
        assert owner_client.get(url, headers=known).status_code == 200
        RenderJob.objects.update(cancels_at=None)


def test_a_failed_render_shows_the_moment_and_tells_the_story(owner_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.FAILED)
    JobAttempt.objects.create(
        job=job,
        number=1,
        started_at=job.started_at,
        ended_at=job.finished_at,
        outcome=Outcome.FAILED,
        error_class="input",
        error_code=job.error_code,
        error_message=job.error_message,
    )
    JobLogLine.objects.create(job=job, stage="look", text="looking at the clip")
    JobLogLine.objects.create(job=job, stage="look", text="Created TensorFlow Lite delegate")
    text = page(owner_client, job)
    assert re.search(r'<video class="moment"\s+src="[^"]*#t=3.200"', text)
    story = text.split('id="story"')[1].split("</ol>")[0]
    told = [f"{job.created_by} asked for it.", "A worker begins.", "Looking at the face", job.error_message]
    assert all(words in story for words in told)
    assert "TensorFlow" not in story
    assert "TensorFlow" in text  # for experts


def test_a_finished_video_leads_to_a_batch_with_its_cell_ticked(owner_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.SUCCEEDED)
    link = re.search(r'href="([^"]*/batches/new/[^"]*)"', page(owner_client, job))
    assert link is not None
    form = owner_client.get(html.unescape(link[1])).content.decode()
    assert re.search(rf'value="{job.clip_id}:{job.track_id}"\s+checked', form)


def test_a_draft_leads_to_the_whole_video(owner_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.SUCCEEDED, excerpt=5.0, preset="draft")
    text = page(owner_client, job)
    assert "Make the whole video" in text
    assert "Make a batch of this" not in text
    whole = owner_client.post(reverse("pages:make_whole", args=[job.pk]))
    assert whole["Location"] != reverse("pages:job", args=[job.pk])
    assert not RenderJob.objects.get(status=Status.QUEUED).is_draft


def test_cancel_from_the_queue_returns_there(owner_client: Client, add_job: AddJob) -> None:
    response = owner_client.post(reverse("pages:cancel", args=[add_job().pk]), {"next": "queue"})
    assert response["Location"] == reverse("pages:queue")


def test_try_again_makes_a_new_render(owner_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.FAILED)
    response = owner_client.post(reverse("pages:retry", args=[job.pk]))
    again = RenderJob.objects.get(retry_of=job)
    assert response["Location"] == reverse("pages:job", args=[again.pk])


def test_try_again_of_a_finished_render_says_why_not(owner_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.SUCCEEDED)
    response = owner_client.post(reverse("pages:retry", args=[job.pk]), follow=True)
    assert "Only a failed or cancelled render can be tried again." in response.content.decode()


def test_a_finished_video_shows_what_happens_when(owner_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.SUCCEEDED)
    assert "overview-stage" not in page(owner_client, job)  # nothing is known of what an earlier release made
    RenderOverview.objects.create(output=job.output, packed=RenderOverview.pack(making.OVERVIEW))
    text = " ".join(page(owner_client, job).split())
    assert 'd="M125.0 102.0L375.0 78.0L625.0 66.0L875.0 94.0"' in text  # asked for: percent of the range, the foot is closed
    assert 'd="M125.0 102.0L125.0 102.0L375.0 78.0L375.0 102.0ZM875.0 102.0L875.0 94.0L875.0 102.0Z"' in text  # not in the gap
    assert "<td>The head is turned away</td>" in text
    told = json.loads(html.unescape(text.split('data-overview="')[1].split('"')[0]))
    assert told == making.OVERVIEW | {"words": {"turned": "The head is turned away"}, "weak": []}
    assert "lane-name" not in text and "data-next-weak" not in text  # how well it came out was not measured then


QUALITY = {"step": 0.5, "sync": [90, 30], "sharpness": [100, 99], "flicker": [None, 160]}


def test_a_finished_video_shows_how_well_it_came_out_over_time(owner_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.SUCCEEDED)
    told = making.OVERVIEW | {"quality": QUALITY}
    RenderOverview.objects.create(output=job.output, packed=RenderOverview.pack(told))
    text = " ".join(page(owner_client, job).split())
    assert re.findall(r'class="lane-name" aria-hidden="true">([^<]*)<', text) == ["Mouth in step", "Sharp lips", "Steady lips"]
    bars = re.findall(r'class="grade (\w+)" x="(\d+)\.000" y="([\d.]+)" width="(\d+)\.000"', text)
    assert bars == [
        ("good", "0", "21.000", "500"),
        ("poor", "500", "13.000", "500"),
        ("good", "0", "48.000", "1000"),
        ("fair", "500", "72.000", "500"),  # of the first half nothing is known
    ]
    assert "<td>The mouth hardly follows (30 %)</td>" in text and "<td>The lips flicker a little (160 %)</td>" in text
    assert "data-next-weak" in text


def test_a_video_whose_mouths_follow_no_plan_has_no_row_of_how_they_follow(owner_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.SUCCEEDED)
    told = making.OVERVIEW | {"quality": QUALITY | {"sync": [None, None], "flicker": [100, 100]}}
    RenderOverview.objects.create(output=job.output, packed=RenderOverview.pack(told))
    text = page(owner_client, job)
    assert "lanes-2" in text and "Mouth in step" not in text and "data-next-weak" not in text


@pytest.mark.parametrize("name", ["job", "job_live", "cancel", "retry"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_gets_404(stranger_client: Client, add_job: AddJob, name: str, method: str) -> None:
    job = add_job(Status.SUCCEEDED)
    wrong_method = (method == "get") == (name in ("cancel", "retry"))
    response = getattr(stranger_client, method)(reverse(f"pages:{name}", args=[job.pk]))
    assert response.status_code == (405 if wrong_method else 404)


def test_a_stranger_gets_404_for_its_files(stranger_client: Client, add_job: AddJob) -> None:
    job = add_job(Status.SUCCEEDED)
    for url in (job.output.file_url, job.clip.file_url, job.clip.still_url, job.track.file_url):
        assert stranger_client.get(url).status_code == 404


BROKEN = Fault("environment", "tool_timeout", "A media program stopped answering.", log_tail="Traceback: <ffmpeg>")


def broken_off(job: RenderJob) -> None:
    """Have a worker begin a render and meet a fault that may pass."""
    claim = claims.claim(lane="gpu", worker="node:7")
    assert claim is not None
    assert claim.job_id == job.pk
    pace = Pace()
    pace.keep(2, 5)
    assert claims.fail(claim, BROKEN, pace)


@pytest.mark.parametrize("name", ["job", "job_live"])
def test_every_attempt_is_told_with_its_lane_its_end_and_its_last_words(
    owner_client: Client, add_job: AddJob, name: str
) -> None:
    job = add_job()
    broken_off(job)
    text = page(owner_client, job, name)
    table = text[text.index("<table>") : text.index("</table>")]
    assert all(part in table for part in ("gpu", "put off", BROKEN.message, "Traceback: &lt;ffmpeg&gt;"))
    assert "node:7" not in text  # which machine it was is for administrators


def test_a_render_that_was_put_off_says_why_and_what_is_kept(owner_client: Client, add_job: AddJob) -> None:
    job = add_job()
    assert "Another one follows by itself" not in page(owner_client, job)
    broken_off(job)
    text = page(owner_client, job)
    assert "Another one follows by itself" in text
    assert "2 of 5 parts are finished and kept" in text


def test_the_page_takes_few_queries(
    owner_client: Client, add_job: AddJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = add_job(Status.SUCCEEDED)
    JobLogLine.objects.bulk_create(JobLogLine(job=job, text=str(number)) for number in range(30))
    ends = {"started_at": job.created_at, "ended_at": job.created_at, "outcome": Outcome.GIVEN_BACK}
    JobAttempt.objects.bulk_create(JobAttempt(job=job, number=number, **ends) for number in range(100, 130))
    with django_assert_num_queries(9):
        page(owner_client, job)
