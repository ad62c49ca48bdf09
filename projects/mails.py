"""Mail to people: what has happened since the last one goes in, one message for all of it goes out.

Nothing is queued for it: what there is to tell follows from the rows, and a mark on the person's row says up to when they know.
The housekeeping lane looks, never a request. A person is written to at once, and then not again for ten minutes, so that many
videos on one evening make a few mails; a batch is told of when it is done, not cell by cell.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Exists, OuterRef, Q
from django.template.loader import render_to_string
from django.utils import timezone, translation

from projects import access, batches, passwords, quotas, running
from projects.batches import Progress
from projects.consents import SOON
from projects.models import Consent, Mail, Preferences, RenderBatch, RenderJob, Status
from projects.models.renders import LIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from projects.models.renders import RenderJobQuerySet

PAUSE = timedelta(minutes=10)  # between two mails to the same person
LOOK = timedelta(hours=1)  # how often storage and consents are looked at, which nothing tells of by itself
SETTLED = timedelta(seconds=5)  # an end is stamped a moment before others can see it
NEARLY_FULL, ROOM_AGAIN = 0.9, 0.85
MOST_LINES = 20  # of each kind; the rest is counted

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class News:
    """What there is to tell one person. share: how full their storage is, where that is told"""

    videos: Sequence[RenderJob] = ()
    failures: Sequence[RenderJob] = ()
    batches: Sequence[tuple[RenderBatch, Progress]] = ()
    consents: Sequence[Consent] = ()
    share: float | None = None
    further: dict[str, int] = field(default_factory=dict)

    @property
    def count_videos(self) -> int:
        """All of them, those that are only counted included."""
        return len(self.videos) + self.further.get("videos", 0)

    def __bool__(self) -> bool:
        return bool(self.videos or self.failures or self.batches or self.consents) or self.share is not None


def send_due() -> int:
    """Send what is due now. Returns how many mails."""
    if not passwords.mail_is_on():
        return 0
    return _send_links() + _send_news()


def _send_links() -> int:
    """Links to new passwords, to those who asked."""
    sent = 0
    for row in Preferences.objects.filter(reset_asked_at__isnull=False).select_related("user"):
        if Preferences.objects.filter(pk=row.pk, reset_asked_at=row.reset_asked_at).update(reset_asked_at=None):
            with _as_read_by(row):
                sent += _post(row.user, "password", {"link": passwords.link_for(row.user), "name": row.user.get_username()})
    return sent


def _send_news() -> int:
    """What has happened, to those who wish to know and were not written to just now."""
    now = timezone.now()
    ended = RenderJob.objects.filter(created_by=OuterRef("user"), finished_at__gt=OuterRef("told_until"))
    rows = Preferences.objects.filter(told_until__isnull=False, user__is_active=True).exclude(user__email="")
    rested = Q(mailed_at=None) | Q(mailed_at__lt=now - PAUSE)
    due = rows.filter(rested).filter(Exists(ended) | Q(told_until__lt=now - LOOK))
    return sum(_tell(row, now - SETTLED) for row in due.select_related("user"))


def _tell(row: Preferences, until: datetime) -> bool:
    """Tell one person what happened up to a moment. The mark moves first, so that of two machines one writes."""
    since = row.told_until
    if since is None or until <= since:
        return False
    news = gather(row, since, until)
    told = {"told_until": until, "room_told": _knows_of_room(row, news)}
    if not Preferences.objects.filter(pk=row.pk, told_until=since).update(**told):
        return False
    if not news:
        return False
    with _as_read_by(row):
        sent = _post(row.user, "news", {"news": news, "pause": PAUSE})
    back = {} if sent else {"told_until": since, "room_told": row.room_told}  # told with the next one
    Preferences.objects.filter(pk=row.pk, told_until=until).update(mailed_at=timezone.now(), **back)
    return sent


def gather(row: Preferences, since: datetime, until: datetime) -> News:
    """What happened in between of what this person wishes to know, and may still see."""
    user, wanted = row.user, set(row.mails)
    ended = access.jobs_of(user).filter(created_by=user, finished_at__gt=since, finished_at__lte=until)
    alone = ended.finals().filter(batch__isnull=True).select_related("clip__speaker", "track").order_by("finished_at")
    videos = list(alone.filter(status=Status.SUCCEEDED)) if Mail.VIDEOS in wanted else []
    failures = list(alone.filter(status=Status.FAILED)) if Mail.FAILURES in wanted else []
    done = batches.counted(_done_batches(user, ended, until)) if Mail.BATCHES in wanted else []
    ending = list(_ending_consents(user, since, until)) if Mail.CONSENTS in wanted else []
    room = quotas.room_of_person(user).share if Mail.ROOM in wanted else 0.0
    found: dict[str, Sequence[Any]] = {"videos": videos, "failures": failures, "batches": done, "consents": ending}
    return News(
        *(videos[:MOST_LINES], failures[:MOST_LINES], done[:MOST_LINES], ending[:MOST_LINES]),
        share=room if room >= NEARLY_FULL and not row.room_told else None,
        further={name: len(rows) - MOST_LINES for name, rows in found.items() if len(rows) > MOST_LINES},
    )


def _done_batches(user: User, ended: RenderJobQuerySet, until: datetime) -> QuerySet[RenderBatch]:
    """Those of which something ended in between and nothing was left to do then: what ended later would tell of them again."""
    to_come = RenderJob.objects.filter(Q(status__in=LIVE) | Q(finished_at__gt=until), batch=OuterRef("pk"))
    touched = ended.order_by().filter(batch__isnull=False).values("batch")
    return access.batches_of(user).filter(pk__in=touched).exclude(Exists(to_come))


def _ending_consents(user: User, since: datetime, until: datetime) -> QuerySet[Consent]:
    """Those of lecturers in this person's own projects whose last weeks began in between, and that no other outlasts."""
    first, last = (timezone.localdate(moment, timezone.get_default_timezone()) + SOON for moment in (since, until))
    ending = access.consents_of(user).filter(speaker__project__owner=user, withdrawn_at=None)
    longer = Consent.objects.valid().filter(Q(expires_on=None) | Q(expires_on__gt=last), speaker=OuterRef("speaker"))
    return ending.filter(expires_on__gt=first, expires_on__lte=last).exclude(Exists(longer)).order_by("expires_on")


def _knows_of_room(row: Preferences, news: News) -> bool:
    """Told once when it is nearly full, and again only after there was room."""
    if news.share is not None or not row.room_told:
        return news.share is not None
    return quotas.room_of_person(row.user).share >= ROOM_AGAIN


@contextmanager
def _as_read_by(row: Preferences) -> Iterator[None]:
    """In the person's language and zone while the block runs."""
    with translation.override(row.language or settings.LANGUAGE_CODE), timezone.override(row.time_zone or None):
        yield


def _post(user: User, name: str, context: dict[str, Any]) -> bool:
    """Send one message. False where the server did not take it. name: of the two templates, words without any markup"""
    told = {**context, "user": user, "address": running.public_address()}
    subject = " ".join(render_to_string(f"mails/{name}_subject.txt", told).split())
    try:
        send_mail(subject, render_to_string(f"mails/{name}.txt", told), None, [user.email])
    except (SMTPException, OSError) as error:
        logger.warning("a mail to %s was not sent: %s", user.get_username(), error)
        return False
    logger.info("a mail was sent to %s: %s", user.get_username(), name)
    return True
