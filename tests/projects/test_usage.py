"""What people and projects use, summed up by the database: the same as quotas say, and sorted by each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from projects import accounts, bin, claims, consents, quotas, usage
from projects.admin_pages.people import Usage
from projects.models import Consent, PersonPlan, Project, ProjectPlan, QuotaPlan, RenderJob, RenderOutput, Speaker
from tests import making


@pytest.fixture
def busy(output: RenderOutput, owner: User, stranger: User, voice_file: Path) -> Project:
    """The owner's project with something of every kind: kept, in the bin, arriving, waiting, running."""
    job, project = output.job, output.job.project
    making.arriving(owner, project, size=7000)
    RenderJob.objects.create(project=project, clip=job.clip, track=job.track, created_by=stranger, expected_size=500)
    RenderJob.objects.create(project=project, clip=job.clip, track=job.track, created_by=owner, expected_size=300)
    assert claims.claim()
    bin.put(making.track(project, voice_file, "Old"), by=owner)
    making.track(accounts.first_project(stranger), voice_file)
    return project


def test_the_sums_are_those_of_the_quotas(busy: Project, owner: User, stranger: User) -> None:
    for person in usage.of_people(User.objects.all()):
        room, minutes = quotas.room_of_person(person), quotas.minutes_of(person)
        assert (person.used, person.limit, person.seconds) == (room.used, room.limit, pytest.approx(minutes.used))
    told = {person.username: person for person in usage.of_people(User.objects.all())}
    assert told["olga"].binned > 0 == told["stefan"].binned
    assert told["olga"].waiting + told["stefan"].waiting == told["olga"].running + told["stefan"].running == 1
    for project in usage.of_projects(Project.objects.all()):
        assert project.used == quotas.room_of_project(project).used
    here = usage.of_projects(Project.objects.filter(pk=busy.pk)).get()
    assert (here.waiting, here.running) == (1, 1)
    assert here.binned == told["olga"].binned
    assert here.seconds == pytest.approx(3 * making.VOICE_SECONDS)


def test_the_limits_are_those_of_the_plan_that_counts(busy: Project, owner: User, stranger: User) -> None:
    QuotaPlan.objects.create(name="Usual", is_usual=True, bytes_per_person=10, bytes_per_project=20, minutes_per_month=3)
    team = QuotaPlan.objects.create(name="Team", bytes_per_person=None, bytes_per_project=40)
    PersonPlan.objects.create(user=owner, plan=team)

    def told() -> list[tuple[object, ...]]:
        people = usage.of_people(User.objects.order_by("username"))
        homes = usage.of_projects(Project.objects.order_by("owner__username"))
        return [(row.plan_name, row.limit) for row in (*people, *homes)]

    assert told() == [("Team", None), ("Usual", 10), ("Team", 40), ("Usual", 20)]
    assert [row.seconds_limit for row in usage.of_people(User.objects.order_by("username"))] == [None, 180]
    ProjectPlan.objects.create(project=accounts.first_project(stranger), plan=team)
    assert told()[3] == ("Team", 40)
    for row in usage.of_people(User.objects.all()):
        assert row.limit == quotas.room_of_person(row).limit
    for row in usage.of_projects(Project.objects.all()):
        assert row.limit == quotas.room_of_project(row).limit


@pytest.mark.parametrize("url", ["/admin/auth/user/", "/admin/projects/project/"])
def test_the_lists_are_sorted_by_each_sum(busy: Project, administrator: User, owner: User, url: str) -> None:
    QuotaPlan.objects.create(name="Usual", is_usual=True, bytes_per_person=10**6, bytes_per_project=10**6)
    browser = making.browser(administrator)
    columns: Sequence[str] = browser.get(url).context["cl"].list_display
    for name in ("used", "binned", "limit", "share", "minutes", "waiting", "running", "plan"):
        assert hasattr(Usage, name)
        number = list(columns).index(name)
        up = [row.pk for row in browser.get(url, {"o": str(number)}).context["cl"].result_list]
        down = [row.pk for row in browser.get(url, {"o": f"-{number}"}).context["cl"].result_list]
        assert set(up) == set(down)
        if name in ("used", "binned", "share"):
            first = User.objects.get(pk=down[0]) if "user" in url else Project.objects.get(pk=down[0]).owner
            assert (first, up[-1]) == (owner, down[0]), name


def test_the_state_of_consents_is_that_of_each_lecturer(project: Project) -> None:
    """Every pair of two consents, each of six kinds, among them none."""
    today, now = timezone.localdate(), timezone.now()
    kinds: list[dict[str, object] | None] = [
        None,
        {"expires_on": None},
        {"expires_on": today + timedelta(days=29)},
        {"expires_on": today + timedelta(days=30)},
        {"expires_on": today - timedelta(days=1)},
        {"withdrawn_at": now},
    ]
    for one, first in enumerate(kinds):
        for other, second in enumerate(kinds):
            speaker = Speaker.objects.create(project=project, name=f"{one} {other}")
            for fields in filter(None, (first, second)):
                given = {"given_by": "x", "scope": "y", "given_on": today - timedelta(days=99)}
                Consent.objects.create(speaker=speaker, **given, **fields)
    for speaker in consents.with_standing(Speaker.objects.all()):
        standing = consents.standing(speaker)
        ends = standing.consent.expires_on if standing.consent else None
        assert (speaker.state, speaker.until) == (standing.state, ends), speaker.name


def test_an_ordinary_person_is_not_told(owner_client: Client) -> None:
    assert owner_client.get("/admin/auth/user/").status_code == 302
