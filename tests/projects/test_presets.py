"""Presets: what they say is copied to the render, and scripts and forms can say otherwise."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from projects import accounts, claims, jobs, preferences, presets, quotas, retention
from projects.errors import Conflict, Refused
from projects.models import AudioTrack, Choice, Preset, Project, RenderJob, RenderOutput, Speaker, SpeakerClip, Status
from projects.models.presets import DRAFT
from tests import making


@pytest.fixture
def script(owner: User) -> Client:
    """A program that has a token of the owner's."""
    token, _ = accounts.create_token(user=owner)
    return Client(headers={"Authorization": f"Token {token}"})


def ask(script: Client, clip: SpeakerClip, track: AudioTrack, **body: Any) -> Any:
    body |= {"clip": str(clip.pk), "track": str(track.pk)}
    return script.post("/api/v1/jobs/", body, content_type="application/json")


def submit(clip: SpeakerClip, track: AudioTrack, owner: User, **choice: Any) -> RenderJob:
    return jobs.submit(project=track.project, clip=clip, track=track, created_by=owner, choice=Choice(**choice))


def test_the_built_in_ones_come_first_and_have_an_effect(db: None) -> None:
    Preset.objects.create(code="small", name="Small", quality=26, place=0)
    offered = presets.offered()
    assert [preset.code for preset in offered] == ["standard", "best", "draft", "small"]
    assert offered[0].choice == Choice()
    assert len({preset.choice for preset in offered}) == 4


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_page_script_and_render_call_each_by_the_same_name(
    script: Client, owner: User, owner_client: Client, job: RenderJob, language: str
) -> None:
    small = Preset.objects.create(code="small", name="Small & quick", note="For a phone", quality=26)
    preferences.choose_language(owner, language)
    rows = script.get("/api/v1/presets/", headers={"Accept-Language": language}).json()["results"]
    assert [row["name"] for row in rows if row["code"] == "best"] == [{"en": "Best", "zh-hans": "最佳"}[language]]
    page = owner_client.get(reverse("pages:quick_render")).text
    for row in rows:
        assert f"<strong>{escape(row['name'])}</strong>" in page
        assert f">{escape(row['note'])}</span>" in page
        RenderJob.objects.update(preset=row["code"])
        usual = row["code"] == "standard"
        assert (escape(row["name"]) in owner_client.get(reverse("pages:job", args=[job.pk])).text) is not usual
    small.delete()
    RenderJob.objects.update(preset="small")
    assert "small" in owner_client.get(reverse("pages:job", args=[job.pk])).text


def test_an_administrator_cannot_take_a_built_in_code(db: None) -> None:
    with pytest.raises(ValidationError):
        Preset(code="best", name="Mine").full_clean()


def test_a_render_keeps_what_its_preset_said(script: Client, clip: SpeakerClip, track: AudioTrack) -> None:
    Preset.objects.create(code="small", name="Small", quality=26, loudness=True)
    told = ask(script, clip, track, preset="small", longer="cut").json()
    assert (told["preset"], told["quality"], told["loudness"], told["longer"]) == ("small", 26, True, "cut")
    Preset.objects.all().delete()
    assert RenderJob.objects.get().choice == Choice(quality=26, loudness=True, longer="cut")


def test_scripts_find_the_presets_and_are_told_of_a_wrong_one(script: Client, clip: SpeakerClip, track: AudioTrack) -> None:
    assert [preset["code"] for preset in script.get("/api/v1/presets/").json()["results"]] == ["standard", "best", "draft"]
    wrong = ask(script, clip, track, preset="finest").json()
    assert (wrong["code"], wrong["field"]) == ("unknown_preset", "preset")
    assert "standard, best, draft" in wrong["message"]


@pytest.mark.parametrize("part", [{"part_start": 5}, {"part_end": 9}, {"part_start": 0.4, "part_end": 0.5}])
def test_a_part_outside_the_clip_is_refused(clip: SpeakerClip, track: AudioTrack, owner: User, part: dict[str, float]) -> None:
    with pytest.raises(Refused) as caught:
        submit(clip, track, owner, **part)
    assert caught.value.code == "part_outside_clip"


@pytest.mark.parametrize(
    ("clip_seconds", "choice", "seconds"),
    [
        (1.0, {}, 1.5),
        (1.0, {"longer": "cut"}, 1.0),
        (1.0, {"longer": "cut", "part_start": 0.25}, 0.75),
        (10.0, {"shorter": "keep"}, 10.0),
        (10.0, {"shorter": "keep", "part_start": 2.0, "part_end": 8.0}, 6.0),
        (10.0, {"excerpt": 0.5}, 0.5),
        (10.0, {"excerpt": 5.0}, 1.5),
    ],
)
def test_minutes_and_estimates_count_the_video_and_not_the_voice(
    clip: SpeakerClip, track: AudioTrack, owner: User, clip_seconds: float, choice: dict[str, Any], seconds: float
) -> None:
    SpeakerClip.objects.update(duration=clip_seconds)
    clip.refresh_from_db()
    job = submit(clip, track, owner, **choice)
    assert job.video_seconds == pytest.approx(seconds)
    assert quotas.minutes_of(owner).used == pytest.approx(seconds)


# --- drafts -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def draft(clip: SpeakerClip, track: AudioTrack, owner: User, clip_file: Path) -> RenderOutput:
    """A finished draft."""
    job = submit(clip, track, owner, **DRAFT.choice.as_dict())
    return making.output(job, clip_file)


def test_a_draft_stands_in_the_queue_but_not_among_the_videos(
    owner_client: Client, project: Project, draft: RenderOutput, clip: SpeakerClip
) -> None:
    title = str(draft.job.clip.title)
    assert "Draft" in owner_client.get("/queue/").content.decode()
    assert title not in owner_client.get(f"/projects/{project.pk}/renders/").content.decode()
    assert f"/jobs/{draft.pk}/" not in owner_client.get(clip.speaker.get_absolute_url()).content.decode()


def test_a_draft_comes_before_ones_own_videos_but_not_before_others(
    clip: SpeakerClip,
    track: AudioTrack,
    owner: User,
    stranger: User,
    stranger_speaker: Speaker,
    clip_file: Path,
    voice_file: Path,
) -> None:
    whole, draft = submit(clip, track, owner), submit(clip, track, owner, excerpt=5.0)
    others = making.track(stranger_speaker.project, voice_file)
    theirs = submit(making.clip(stranger_speaker, clip_file), others, stranger)
    taken = [claim.job_id for claim in (claims.claim(), claims.claim(), claims.claim()) if claim]
    assert sorted(taken[:2]) == sorted([draft.pk, theirs.pk])
    assert taken[2:] == [whole.pk]


def test_the_whole_video_is_made_as_its_draft_was(draft: RenderOutput, owner: User) -> None:
    RenderJob.objects.filter(pk=draft.pk).update(quality=20, denoise=True)
    job = RenderJob.objects.get(pk=draft.pk)
    whole = jobs.make_whole(job=job, by=owner)
    assert (whole.status, whole.choice) == (Status.QUEUED, Choice(quality=20, denoise=True))
    with pytest.raises(Conflict):
        jobs.make_whole(job=whole, by=owner)


def test_a_draft_goes_by_itself_after_a_day(output: RenderOutput) -> None:
    old = timezone.now() - timedelta(hours=25)
    RenderJob.objects.update(finished_at=old)
    assert not list(retention.due(timezone.now()))
    RenderJob.objects.update(excerpt=5.0)
    (going,) = retention.due(timezone.now())
    assert (going.thing, going.days) == (output, 1)
    retention.run()
    output.refresh_from_db()
    assert not output.is_kept
