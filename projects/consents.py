"""What a filmed person agreed to: a record goes in; whether renders may start, and until when, comes out.

Without a valid consent `jobs.submit` refuses, and a worker ends what had been queued before (projects/rendering.py). A
withdrawal is noted first and then ends what waits and runs: whatever slips in between is stopped when its worker begins.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import audit, jobs, library, objects, storage
from projects.errors import Refused, TooLarge
from projects.models import Consent, RenderJob, Speaker
from projects.models.consents import today
from projects.models.library import NAME_LENGTH, TITLE_LENGTH
from projects.models.renders import LIVE

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LARGEST_EVIDENCE_BYTES = 20 * 2**20
SOON = timedelta(days=30)
SCOPE_LENGTH = 2000
STATED = gettext_noop("Videos in this project")
STATED_NOTE = gettext_noop("stated by the person who added the clip")
EARLIER_NOTE = gettext_noop("recorded when consent records were introduced")  # by a migration
# How each kind begins; those without are told by their name alone, and all are only ever sent as files to save.
EVIDENCE = {
    ".pdf": b"%PDF",
    ".jpg": b"\xff\xd8\xff",
    ".jpeg": b"\xff\xd8\xff",
    ".png": b"\x89PNG",
    ".mp4": b"",
    ".mov": b"",
    ".webm": b"",
    ".m4a": b"",
    ".mp3": b"",
    ".wav": b"",
    ".ogg": b"",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand with a lecturer.

    state: `valid`, `soon` (valid, but not for long), `expired`, `withdrawn` or `missing`; consent: the one that says so
    """

    state: str
    consent: Consent | None = None

    @property
    def allows(self) -> bool:
        """Whether renders may start."""
        return self.state in ("valid", "soon")


def standing(speaker: Speaker) -> Standing:
    """How things stand; of several valid consents, the one that holds longest counts. Uses what was prefetched."""
    rows = list(speaker.consents.all())
    valid = [row for row in rows if row.is_valid]
    if valid:
        longest = max(valid, key=lambda row: row.expires_on or date.max)
        ends = longest.expires_on
        return Standing("soon" if ends and ends - today() < SOON else "valid", longest)
    if not rows:
        return Standing("missing")
    latest = max(rows, key=lambda row: row.created_at)
    return Standing("withdrawn" if latest.withdrawn_at else "expired", latest)


def with_standing(speakers: QuerySet[Speaker]) -> QuerySet[Any]:
    """What `standing` says, for lists that the database filters and sorts: each with `state` and `until`, a day or none."""
    mine = Consent.objects.filter(speaker=OuterRef("pk"))
    valid = mine.valid()
    lasting = valid.filter(Q(expires_on=None) | Q(expires_on__gte=today() + SOON))
    latest = mine.order_by("-created_at")
    longest = valid.order_by(F("expires_on").desc(nulls_first=True))
    return speakers.alias(latest_withdrawn=Subquery(latest.values("withdrawn_at")[:1])).annotate(
        state=Case(
            When(Exists(lasting), then=Value("valid")),
            When(Exists(valid), then=Value("soon")),
            When(~Exists(mine), then=Value("missing")),
            When(latest_withdrawn__isnull=False, then=Value("withdrawn")),
            default=Value("expired"),
        ),
        until=Case(
            When(Exists(valid), then=Subquery(longest.values("expires_on")[:1])),
            default=Subquery(latest.values("expires_on")[:1]),
        ),
    )


def record(
    *,
    speaker: Speaker,
    by: User,
    given_by: str,
    scope: str,
    given_on: date | None = None,
    expires_on: date | None = None,
    evidence: File[bytes] | None = None,
    note: str = "",
) -> Consent:
    """Keep who agreed to what. given_on: today when not given; expires_on: the last day, or none

    Raises ProjectError `no_name`, `no_scope`, `consent_not_yet`, `consent_ended`, `evidence_kind`, `empty_file`, `too_large`,
    `no_space`, `storage_unavailable`.
    """
    given_by, scope = library.plain(given_by)[:NAME_LENGTH], scope.strip()[:SCOPE_LENGTH]
    here = timezone.localdate()  # of who records it: where they are it may be tomorrow already
    given_on = given_on or here
    if not given_by:
        raise Refused("no_name", _("Say who has agreed."), field="given_by")
    if not scope:
        raise Refused("no_scope", _("Say what was agreed to."), field="scope")
    if given_on > here:
        raise Refused("consent_not_yet", _("The day on which consent was given cannot lie ahead."), field="given_on")
    if expires_on is not None and expires_on < max(today(), given_on):
        raise Refused(
            "consent_ended", _("This consent would have ended already. Choose a later day, or none."), field="expires_on"
        )
    row = Consent(
        speaker=speaker, given_by=given_by, scope=scope, given_on=given_on, expires_on=expires_on, recorded_by=by, note=note
    )
    try:
        if evidence is not None:
            _keep(row, evidence)
        with _at_home(row), transaction.atomic():
            row.save()
            ends = expires_on.isoformat() if expires_on else None
            audit.record("consent.recorded", row, by=by, given_by=given_by, scope=scope, expires_on=ends)
    except BaseException:
        if row.evidence:
            row.path.unlink(missing_ok=True)
        raise
    return row


def state(*, speaker: Speaker, by: User) -> Consent | None:
    """Keep what the person who adds a clip says: that the lecturer agreed to videos being made of it.

    A consent that is there already stays as it is, and one that was withdrawn is not given back in this way: None.
    """
    if standing(speaker).state not in ("missing", "expired"):
        return None
    return record(speaker=speaker, by=by, given_by=speaker.name, scope=STATED, note=STATED_NOTE)


def withdraw(*, speaker: Speaker, by: User) -> list[RenderJob]:
    """The lecturer no longer agrees: no render starts, what waits and runs ends. Returns what was ended.

    Finished videos stay, for somebody to decide about each.
    """
    with transaction.atomic():
        rows = list(speaker.consents.filter(withdrawn_at=None).select_related("speaker__project"))
        speaker.consents.filter(pk__in=[row.pk for row in rows], withdrawn_at=None).update(
            withdrawn_at=timezone.now(), withdrawn_by=by
        )
        audit.record_each("consent.withdrawn", rows, by=by)
    live = list(RenderJob.objects.filter(clip__speaker=speaker, status__in=LIVE).with_media())
    jobs.cancel_each(live, by=by)
    return live


def _at_home(row: Consent) -> AbstractContextManager[None]:
    return objects.kept(str(row.evidence), row.evidence_sha256) if row.evidence else nullcontext()


def _keep(row: Consent, evidence: File[bytes]) -> None:
    """Store a paper or a recording under an id of ours."""
    name = PurePath(evidence.name or "").name
    ending = PurePath(name).suffix.lower()
    if ending not in EVIDENCE:
        text = _("Evidence may be a PDF, a JPG or PNG picture, or a recording (MP4, MOV, WebM, M4A, MP3, WAV, OGG).")
        raise Refused("evidence_kind", text, field="evidence")
    data = evidence.read(LARGEST_EVIDENCE_BYTES + 1)
    if len(data) > LARGEST_EVIDENCE_BYTES:
        text = _("The file is larger than {limit} MB. Cut it or export it smaller, then try again.")
        raise TooLarge("too_large", text.format(limit=LARGEST_EVIDENCE_BYTES // 2**20), field="evidence")
    if not data:
        raise Refused("empty_file", _("The file is empty. Choose another one."), field="evidence")
    if not data.startswith(EVIDENCE[ending]):
        text = _("The file is not what its name says. Export it again, or choose another one.")
        raise Refused("evidence_kind", text, field="evidence")
    storage.require_room(len(data))
    stored = f"{storage.CONSENTS}/{uuid.uuid4()}{ending}"
    path = Path(settings.MEDIA_ROOT) / stored
    try:
        storage.folder(storage.CONSENTS)
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        storage.share(path)
        storage.settle_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise storage.fault(error) from error
    row.evidence.name = stored
    row.evidence_name = (library.plain(PurePath(name).stem) or "evidence")[:TITLE_LENGTH]
    row.evidence_sha256 = hashlib.sha256(data).hexdigest()
