"""Every page and every list of the API takes at most twelve queries, and no more in a large library than in a small one."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from projects.models import RetentionPolicy
from tests import addresses, filled, making
from tests.filled import Extent, Filled

MOST = 12
SMALL = Extent(lecturers=2, clips=12, voices=6, videos=30, cells=20, people=1, homes=2, binned=2)
LARGE = Extent(lecturers=30, clips=120, voices=40, videos=240, cells=120, people=6, homes=20, binned=20)
READ_AT_LEAST = 35  # of the addresses; fewer would mean that most of them answer with a refusal


def queries(found: Filled, user: User, *, refused: Collection[int] = ()) -> dict[str, int]:
    """How many queries each page and list takes for this person. refused: how those may answer that are closed to them"""
    browser, counts = making.browser(user), {}
    read = addresses.to_read(browser, found.ids(), refused=refused)
    read |= {"pages:batch, done": f"/batches/{found.done_batch.pk}/", "pages:job, running": f"/jobs/{found.live_job.pk}/"}
    for name, url in read.items():
        with CaptureQueriesContext(connection) as asked:
            browser.get(url)
        counts[name] = len(asked)
    return counts


def everybody(found: Filled) -> dict[str, dict[str, int]]:
    """The same for everybody who may look."""
    counts = {"owner": queries(found, found.owner), "viewer": queries(found, found.viewer, refused=(403, 404))}
    found.owner.is_staff = found.owner.is_superuser = True
    found.owner.save()
    return counts | {"administrator": queries(found, found.owner)}


@pytest.mark.django_db
def test_twelve_queries_are_enough_for_any_page_and_any_size() -> None:
    found = filled.fill(SMALL)
    RetentionPolicy.objects.create(project=found.home, video_days=20, unused_days=10)
    small = everybody(found)
    for model in filled.EVERYTHING:
        model.objects.all().delete()
    found = filled.fill(LARGE)
    RetentionPolicy.objects.create(project=found.home, video_days=20, unused_days=10)
    large = everybody(found)
    assert small == large
    assert len(large["owner"]) >= READ_AT_LEAST
    assert {(who, name): count for who, counts in large.items() for name, count in counts.items() if count > MOST} == {}
