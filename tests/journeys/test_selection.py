"""Several clips, voices or videos are kept, downloaded or put into the bin at once, whoever may do that."""

from __future__ import annotations

import io
import re
import uuid
import zipfile
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from projects.models import AudioTrack, AuditEntry, Project, QuotaPlan, RenderJob, RenderOutput, SpeakerClip, Status
from projects.pages.selection import LISTS
from tests import making

AddTrack, AddJob = Callable[..., AudioTrack], Callable[..., RenderJob]


def post(client: Client, project: Project, kind: str, *chosen: object, **given: str) -> str:
    """What is shown after it, with every sentence told."""
    address = reverse(f"pages:selected_{kind}", args=[project.pk])
    response = client.post(address, {"chosen": [str(each) for each in chosen], **given}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_it_is_asked_first_what_goes(owner_client: Client, project: Project, add_job: AddJob) -> None:
    job = add_job(Status.SUCCEEDED)
    text = post(owner_client, project, "clips", job.clip_id, deed="delete")
    assert "1 finished video was made of it" in text
    assert "Put 1 into the bin" in text
    assert SpeakerClip.objects.get().is_kept


def test_then_all_of_it_goes_into_the_bin(owner_client: Client, project: Project, add_track: AddTrack) -> None:
    chosen = [add_track(f"lesson {number}") for number in range(3)]
    stays = add_track("stays")
    text = post(owner_client, project, "voices", *(track.pk for track in chosen), deed="delete", sure="1")
    assert "3 are in the bin." in text
    assert list(AudioTrack.objects.kept()) == [stays]
    assert AuditEntry.objects.filter(verb="track.deleted", actor_id=project.owner_id).count() == 3


@pytest.mark.parametrize("kind", ["clips", "voices", "videos"])
def test_one_click_takes_it_back(owner_client: Client, project: Project, add_job: AddJob, kind: str) -> None:
    jobs = [add_job(Status.SUCCEEDED) for _ in range(2)]
    things = {"clips": {jobs[0].clip}, "voices": {jobs[0].track}, "videos": {job.output for job in jobs}}[kind]
    back = f"{reverse(LISTS[kind], args=[project.pk])}?sort=oldest"
    text = post(owner_client, project, kind, *(thing.pk for thing in things), deed="delete", sure="1", next=back)
    button = re.search(f'action="({reverse(f"pages:undo_{kind}", args=[project.pk])})"(.*?)</form>', text, re.DOTALL)
    assert button
    given = {name: re.findall(f'name="{name}" value="([^"]*)"', button[2]) for name in ("chosen", "next")}
    assert not any(type(thing).objects.get(pk=thing.pk).is_kept for thing in things)
    again = owner_client.post(button[1], given, follow=True)
    assert again.redirect_chain == [(back, 302)]
    assert f"{len(things)} {'is' if len(things) == 1 else 'are'} back where" in again.content.decode()
    assert all(type(thing).objects.get(pk=thing.pk).is_kept for thing in things)
    assert AuditEntry.objects.filter(verb__endswith=".restored").count() == len(things)
    assert "Nothing of that is in the bin any more." in owner_client.post(button[1], given, follow=True).content.decode()


def test_what_does_not_fit_any_more_stays_in_the_bin(
    owner: User, owner_client: Client, project: Project, add_track: AddTrack
) -> None:
    chosen = [str(add_track(f"lesson {number}").pk) for number in range(2)]
    post(owner_client, project, "voices", *chosen, deed="delete", sure="1")
    QuotaPlan.objects.create(name="Tiny", bytes_per_person=5).people.create(user=owner)  # one of them alone would fit
    answer = owner_client.post(reverse("pages:undo_voices", args=[project.pk]), {"chosen": chosen}, follow=True)
    assert "note bad" in answer.content.decode()
    assert AudioTrack.objects.binned().count() == 2


def test_what_is_gone_for_good_does_not_come_back(owner_client: Client, project: Project, add_track: AddTrack) -> None:
    gone, there = add_track("gone"), add_track("there")
    post(owner_client, project, "voices", gone.pk, there.pk, deed="delete", sure="1")
    gone.path.unlink()
    address, chosen = reverse("pages:undo_voices", args=[project.pk]), [str(gone.pk), str(there.pk)]
    assert "1 is back where it was." in owner_client.post(address, {"chosen": chosen}, follow=True).content.decode()
    assert AudioTrack.objects.kept().get() == there


def test_a_single_one_is_taken_back_the_same_way(owner_client: Client, track: AudioTrack) -> None:
    text = owner_client.post(reverse("pages:delete_voices", args=[track.pk]), follow=True).content.decode()
    assert f'action="{reverse("pages:restore_voices", args=[track.pk])}" class="form-actions"' in text
    assert "Undo" in text


def test_what_a_render_needs_stays(owner_client: Client, project: Project, add_job: AddJob, add_track: AddTrack) -> None:
    job, free = add_job(Status.QUEUED), add_track("free")
    asked = post(owner_client, project, "voices", job.track_id, free.pk, deed="delete")
    assert "stays: a video that waits or is being made needs it" in asked
    assert "Put 1 into the bin" in asked
    text = post(owner_client, project, "voices", job.track_id, free.pk, deed="delete", sure="1")
    assert "1 is in the bin." in text
    assert "1 was left:" in text
    assert AudioTrack.objects.kept().get() == job.track


def test_it_leads_back_to_the_list_as_it_was(owner_client: Client, project: Project, track: AudioTrack) -> None:
    back = f"{reverse('pages:voices', args=[project.pk])}?q=a&page=2"
    assert back.replace("&", "&amp;") in post(owner_client, project, "voices", track.pk, deed="delete", next=back)
    address = reverse("pages:selected_voices", args=[project.pk])
    assert owner_client.post(address, {"chosen": [str(track.pk)], "sure": "1", "next": back})["Location"] == back
    assert owner_client.post(address, {"next": "https://example.com/"})["Location"].startswith("/projects/")


def test_they_are_kept_whatever_the_rules_say(owner_client: Client, project: Project, add_job: AddJob) -> None:
    jobs = [add_job(Status.SUCCEEDED) for _ in range(2)]
    text = post(owner_client, project, "videos", *(job.pk for job in jobs), deed="keep")
    assert "2 are kept, whatever the rules say." in text
    assert all(RenderOutput.objects.values_list("pinned", flat=True))


def test_videos_come_in_one_file(owner_client: Client, project: Project, add_job: AddJob) -> None:
    done, _other, failed = add_job(Status.SUCCEEDED), add_job(Status.SUCCEEDED), add_job(Status.FAILED)
    address = reverse("pages:selected_archive", args=[project.pk])
    response = owner_client.post(address, {"chosen": [str(done.pk), str(failed.pk)]})
    assert response["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content))) as bundle:  # type: ignore[attr-defined]
        names = [name for name in bundle.namelist() if name.endswith(".mp4")]
        assert len(names) == 1
        assert bundle.read(names[0]) == done.output.path.read_bytes()


@pytest.mark.parametrize("given", [{}, {"deed": "keep"}, {"sure": "1"}])
def test_nothing_chosen_is_told(owner_client: Client, project: Project, track: AudioTrack, given: dict[str, str]) -> None:
    assert "Nothing was chosen." in post(owner_client, project, "voices", **given)
    assert "Nothing was chosen." in post(owner_client, project, "voices", uuid.uuid4(), **given)


def test_what_is_no_id_is_not_there(owner_client: Client, project: Project) -> None:
    address = reverse("pages:selected_voices", args=[project.pk])
    assert owner_client.post(address, {"chosen": ["'; --"]}).status_code == 404


def test_what_is_not_in_the_project_is_left_alone(stranger_client: Client, stranger: object, track: AudioTrack) -> None:
    own = Project.objects.create(owner=stranger, name="Mine")  # type: ignore[misc]
    assert "Nothing was chosen." in post(stranger_client, own, "voices", track.pk, sure="1")
    assert AudioTrack.objects.get().is_kept


def test_a_viewer_downloads_but_changes_nothing(project: Project, add_job: AddJob) -> None:
    job, client = add_job(Status.SUCCEEDED), making.browser(making.member(project, "vera", "viewer"))
    data = {"chosen": [str(job.pk)], "sure": "1"}
    assert client.post(reverse("pages:selected_archive", args=[project.pk]), data).status_code == 200
    assert client.post(reverse("pages:selected_videos", args=[project.pk]), data).status_code == 403
    assert RenderOutput.objects.get().is_kept


@pytest.mark.parametrize("count", [1, 10])
def test_the_queries_do_not_grow_with_the_choice(
    owner_client: Client,
    project: Project,
    add_track: AddTrack,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
) -> None:
    chosen = [str(add_track(f"lesson {number}").pk) for number in range(count)]
    address = reverse("pages:selected_voices", args=[project.pk])
    with django_assert_num_queries(7):
        owner_client.post(address, {"chosen": chosen, "deed": "delete"})
