"""Lists of the API: pages that rows added meanwhile do not shift, filters, orders, and only the fields asked for."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from projects.models import AudioTrack, Project, RenderJob, RenderOutput, SpeakerClip
from tests import making


@pytest.fixture
def tracks(project: Project, voice_file: Path) -> list[AudioTrack]:
    """Seven voices, three of them of the same moment."""
    rows = [making.track(project, voice_file, f"Voice {number}") for number in range(7)]
    AudioTrack.objects.filter(pk__in=[row.pk for row in rows[2:5]]).update(created_at=rows[2].created_at)
    return rows


def walked(client: Client, address: str, way: str = "next") -> list[str]:
    """The ids of all pages, one after the other."""
    found: list[str] = []
    url: str | None = address
    while url:
        page = client.get(url).json()
        found += [row["id"] for row in page["results"]]
        url = page[way]
    return found


@pytest.mark.parametrize("order", ["created_at", "-created_at", "size", "-duration"])
def test_pages_have_every_row_once_whatever_is_added_meanwhile(
    owner_client: Client, project: Project, tracks: list[AudioTrack], voice_file: Path, order: str
) -> None:
    first = owner_client.get("/api/v1/tracks/", {"page_size": "2", "ordering": order}).json()
    newer = making.track(project, voice_file, "Later")
    rest = walked(owner_client, first["next"])
    seen = [row["id"] for row in first["results"]] + rest
    assert len(seen) == len(set(seen))
    assert set(seen) - {str(newer.pk)} == {str(row.pk) for row in tracks}


def test_the_way_back_is_the_way_there(owner_client: Client, tracks: list[AudioTrack]) -> None:
    address = "/api/v1/tracks/?page_size=3&fields=id"
    there = walked(owner_client, address)
    last = address
    while (page := owner_client.get(last).json())["next"]:
        last = page["next"]
    assert owner_client.get(address).json()["previous"] is None
    back: list[str] = []
    url: str | None = last
    while url:
        page = owner_client.get(url).json()
        back = [row["id"] for row in page["results"]] + back
        url = page["previous"]
    assert back == there


def test_only_the_fields_asked_for_are_told(owner_client: Client, output: RenderOutput) -> None:
    (row,) = owner_client.get("/api/v1/jobs/", {"fields": "id, output"}).json()["results"]
    assert set(row) == {"id", "output"}
    assert "download_url" in row["output"]
    wrong = owner_client.get("/api/v1/jobs/", {"fields": "id,secret"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "fields")


@pytest.mark.parametrize(
    ("address", "query", "field"),
    [
        ("jobs", "status=finished", "status"),
        ("jobs", "project=course", "project"),
        ("jobs", "created_after=yesterday", "created_after"),
        ("jobs", "ordering=status", "ordering"),
        ("jobs", "page_size=0", "page_size"),
        ("jobs", "page_size=201", "page_size"),
        ("jobs", "statuss=failed", "statuss"),
        ("jobs", "page=2", "page"),
        ("tracks", "cursor=eyJ", "cursor"),
        ("events", "kind=job.begun", "kind"),
        ("events", "after=-1", "after"),
        ("events", f"after={2**63}", "after"),
    ],
)
def test_what_a_list_does_not_know_is_refused(owner_client: Client, address: str, query: str, field: str) -> None:
    answer = owner_client.get(f"/api/v1/{address}/?{query}")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "invalid", field)


def test_a_cursor_is_good_for_its_own_order_alone(owner_client: Client, tracks: list[AudioTrack]) -> None:
    page = owner_client.get("/api/v1/tracks/", {"page_size": "2"}).json()
    assert owner_client.get(page["next"] + "&ordering=size").status_code == 400
    cursor = page["next"].split("cursor=")[1].split("&")[0]
    made_up = base64.urlsafe_b64encode(b'{"by": "-created_at", "v": "\x00", "id": "x", "back": false}').decode()
    for wrong in (made_up, cursor[:-2] + "xx"):
        assert owner_client.get("/api/v1/tracks/", {"cursor": wrong}).status_code == 400


def test_renders_are_found_by_what_they_are(
    owner_client: Client, owner: User, output: RenderOutput, clip: SpeakerClip, track: AudioTrack
) -> None:
    waiting = RenderJob.objects.create(project=output.project, clip=clip, track=track, created_by=owner)
    AudioTrack.objects.update(language="de")

    def found(**query: object) -> set[str]:
        return {row["id"] for row in owner_client.get("/api/v1/jobs/", query).json()["results"]}

    both, done = {str(waiting.pk), str(output.pk)}, {str(output.pk)}
    soon, early = (timezone.now() + timedelta(hours=hours) for hours in (1, -1))
    assert found(status=["queued", "succeeded"]) == found(speaker=str(clip.speaker_id)) == found(language="de") == both
    assert found(status="succeeded") == done
    assert found(created_after=early.isoformat(), created_before=soon.isoformat()) == both
    assert found(created_after=soon.isoformat()) == found(language="fr") == set()
    assert [row["job"] for row in owner_client.get("/api/v1/outputs/", {"language": "de"}).json()["results"]] == list(done)


def test_events_are_read_on_from_the_last_one_seen(
    owner_client: Client, stranger_client: Client, output: RenderOutput, owner: User
) -> None:
    job = RenderJob.objects.create(project=output.project, clip=output.job.clip, track=output.job.track, created_by=owner)
    (first,) = owner_client.get("/api/v1/events/").json()["results"]
    assert (first["kind"], first["object_id"], first["user"]) == ("job.finished", str(output.pk), owner.pk)
    owner_client.post(f"/api/v1/jobs/{job.pk}/cancel/")
    later = owner_client.get("/api/v1/events/", {"after": first["id"]}).json()["results"]
    assert [(event["kind"], event["object_id"]) for event in later] == [("job.cancelled", str(job.pk))]
    assert len(owner_client.get("/api/v1/events/", {"object": str(job.pk)}).json()["results"]) == 1
    assert stranger_client.get("/api/v1/events/").json()["results"] == []


@pytest.mark.parametrize("kind", ["jobs", "outputs", "batches", "events"])
@pytest.mark.skipif(connection.vendor != "sqlite", reason="another database plans by how many rows there are")
def test_a_page_of_a_project_is_read_along_an_index(owner_client: Client, project: Project, kind: str) -> None:
    with CaptureQueriesContext(connection) as asked:
        owner_client.get(f"/api/v1/{kind}/", {"page_size": "4", "project": str(project.pk)})
    (keys,) = [each["sql"] for each in asked if each["sql"].endswith(" LIMIT 5")]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {keys}")
        plan = [row[3] for row in cursor.fetchall()]
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan
