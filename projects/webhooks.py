"""Telling other systems of events: an event goes in, a signed message to every endpoint that wants it comes out.

The messages are written in the transaction of the event (an outbox) and sent by the housekeeping lane, at least once each and
for up to a day. An endpoint that does not answer rests for longer each time, without holding up the others, and is asked with
one message at a time; when it answers again the rest follows at once. One that nothing reaches for a day is paused.

Signature: `HeyGem-Signature: t=SECONDS,v1=HEX`, HMAC-SHA256 of `SECONDS.BODY` under the endpoint's secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import audit, outbound, wakeups
from projects.errors import Conflict, Refused
from projects.models import DeliveryState, Event, EventKind, Membership, Project, WebhookDelivery, WebhookEndpoint
from projects.models.webhooks import new_salt
from projects.outbound import Unreached

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_ENDPOINTS = 20  # of one person
PING = "ping"
TOLD = ("id", "at", "kind", "project", "user", "object_type", "object_id", "data")  # as the API tells events
KEPT = timedelta(days=30)
HOLD = timedelta(seconds=60)  # for whoever sends a message; much longer than a request may take
PAUSES = [timedelta(seconds=seconds) for seconds in (10, 30, 120, 600, 1800, *[3600 * hours for hours in (1, 2, 4, 8, 8)])]
LONGEST_REST = 4  # of PAUSES: an endpoint that is down is asked twice an hour at least
GIVEN_UP = timedelta(hours=24)
GONE = 410
CHUNK = 500
SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with

NOT_A_MEMBER = "not_a_member"
WHY = outbound.SENTENCES | {
    NOT_A_MEMBER: gettext_noop("You are not in this project any more."),
}

logger = logging.getLogger(__name__)


# --- endpoints ---------------------------------------------------------------------------------------------------------
def add(*, owner: User, url: str, project: Project | None = None, kinds: Sequence[str] = ()) -> tuple[WebhookEndpoint, str]:
    """A new endpoint and its secret, which is told this once.

    Raises ProjectError `webhooks_off`, `too_many_webhooks`, `kind_unknown`, and as `outbound.look_up`.
    """
    _require_on()
    chosen = _checked(kinds)
    outbound.look_up(url)
    with transaction.atomic():
        if WebhookEndpoint.objects.filter(owner=owner).count() >= MOST_ENDPOINTS:
            text = _("You have {most} webhooks, the most there can be. Remove one first.")
            raise Conflict("too_many_webhooks", text.format(most=MOST_ENDPOINTS))
        row = WebhookEndpoint.objects.create(owner=owner, project=project, url=url, kinds=chosen)
        audit.record("webhook.added", row, by=owner, project=str(project.pk) if project else None, kinds=chosen)
    return row, secret_of(row)


def change(*, endpoint: WebhookEndpoint, by: User, url: str | None = None, kinds: Sequence[str] | None = None) -> None:
    """Give an endpoint another address, or other kinds of events. Raises as `add`."""
    if url is not None and url != endpoint.url:
        _require_on()
        outbound.look_up(url)
        endpoint.url, endpoint.failures, endpoint.rests_until = url, 0, None
    if kinds is not None:
        endpoint.kinds = _checked(kinds)
    with transaction.atomic():
        endpoint.save(update_fields=["url", "kinds", "failures", "rests_until"])
        audit.record("webhook.changed", endpoint, by=by, kinds=endpoint.kinds)


def change_secret(*, endpoint: WebhookEndpoint, by: User) -> str:
    """A new secret, told this once; the old one signs nothing from now on."""
    endpoint.salt = new_salt()
    with transaction.atomic():
        endpoint.save(update_fields=["salt"])
        audit.record("webhook.secret_changed", endpoint, by=by)
    return secret_of(endpoint)


def remove(*, endpoint: WebhookEndpoint, by: User) -> None:
    """Tell it nothing more, and forget what was told."""
    with transaction.atomic():
        audit.record("webhook.removed", endpoint, by=by)
        endpoint.delete()


def pause(*, endpoint: WebhookEndpoint, by: User | None = None) -> None:
    """Send nothing until it is resumed. What happens meanwhile is not told."""
    if WebhookEndpoint.objects.filter(pk=endpoint.pk, paused_at__isnull=True).update(paused_at=Now()):
        audit.record("webhook.paused", endpoint, by=by)
        endpoint.refresh_from_db()


def resume(*, endpoint: WebhookEndpoint, by: User) -> None:
    """Go on, first with what still waits."""
    endpoint.paused_at, endpoint.failing, endpoint.failures, endpoint.rests_until = None, False, 0, None
    with transaction.atomic():
        endpoint.save(update_fields=["paused_at", "failing", "failures", "rests_until"])
        audit.record("webhook.resumed", endpoint, by=by)
        _release(endpoint)
        _send_soon(endpoint)


def secret_of(endpoint: WebhookEndpoint) -> str:
    """What signs its messages."""
    key = salted_hmac("projects.webhooks", f"{endpoint.pk}:{endpoint.salt}", algorithm="sha256").digest()
    return SECRET_PREFIX + base64.urlsafe_b64encode(key).decode().rstrip("=")


def signature(secret: str, body: bytes, moment: int) -> str:
    """What the receiver reckons again. moment: seconds since 1970, part of what is signed so that nothing old is played back"""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


# --- the outbox ----------------------------------------------------------------------------------------------------------
def note(events: Sequence[Event]) -> None:
    """Write what is to be told of these events, in their transaction."""
    if not settings.WEBHOOKS or not events:
        return
    homes = {event.project_id for event in events}
    endpoints = list(WebhookEndpoint.objects.listening().filter(Q(project__in=homes) | Q(project=None)))
    if not endpoints:
        return
    seen = _who_sees(homes)
    rows = [
        WebhookDelivery(endpoint=endpoint, event=event.pk, kind=event.kind, body=_told(event))
        for event in events
        for endpoint in endpoints
        if endpoint.project_id in (None, event.project_id)
        and (event.project_id, endpoint.owner_id) in seen
        and endpoint.wants(event.kind)
    ]
    WebhookDelivery.objects.bulk_create(rows, batch_size=CHUNK)
    if rows:
        transaction.on_commit(wakeups.send_deliveries, robust=True)


def ping(*, endpoint: WebhookEndpoint, by: User) -> WebhookDelivery:
    """Send a test message. Raises ProjectError `webhooks_off`, `webhook_paused`."""
    _require_on()
    _require_going(endpoint)
    body: dict[str, Any] = {**dict.fromkeys(TOLD), "kind": PING, "at": timezone.now().isoformat(), "data": {}}
    with transaction.atomic():
        row = WebhookDelivery.objects.create(endpoint=endpoint, kind=PING, body=json.dumps(body))
        _send_soon(endpoint)
    return row


def replay(*, delivery: WebhookDelivery, by: User) -> WebhookDelivery:
    """Send the same once more, as a message of its own. Raises ProjectError `webhooks_off`, `webhook_paused`."""
    _require_on()
    _require_going(delivery.endpoint)
    same = {"endpoint": delivery.endpoint, "event": delivery.event, "kind": delivery.kind, "body": delivery.body}
    with transaction.atomic():
        row = WebhookDelivery.objects.create(**same, repeats=delivery)
        audit.record("webhook.replayed", delivery.endpoint, by=by, event=delivery.event)
        _send_soon(delivery.endpoint)
    return row


def send_due(seconds: float) -> bool:
    """Send what is due, for about so long. Returns whether nothing is left that is due."""
    if not settings.WEBHOOKS:
        return True
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        # One that was tried less often first, and of an endpoint that has waited longer: nobody stands in the way of others.
        order = "attempts", F("endpoint__reached_at").asc(nulls_first=True), "next_at", "created_at"
        due = WebhookDelivery.objects.due().select_related("endpoint__owner").order_by(*order)
        row = due.first()
        if row is None:
            return True
        mine = WebhookDelivery.objects.filter(pk=row.pk, state=DeliveryState.WAITING, attempts=row.attempts)
        if mine.update(next_at=Now() + HOLD, attempts=F("attempts") + 1):
            row.attempts += 1
            _send(row)
    return False


def forget_old() -> int:
    """Remove messages of long ago. Returns how many."""
    old, count = WebhookDelivery.objects.filter(created_at__lt=timezone.now() - KEPT).order_by("created_at"), 0
    while chunk := list(old.values_list("pk", flat=True)[:CHUNK]):
        WebhookDelivery.objects.filter(pk__in=chunk).delete()
        count += len(chunk)
    return count


# --- steps ---------------------------------------------------------------------------------------------------------------
def _send(row: WebhookDelivery) -> None:
    """Try once, and note what came of it."""
    body, moment = row.body.encode(), int(time.time())
    headers = {
        "Content-Type": "application/json",
        "HeyGem-Event": row.kind,
        "HeyGem-Delivery": str(row.pk),
        "HeyGem-Signature": signature(secret_of(row.endpoint), body, moment),
    }
    home = json.loads(row.body)["project"]
    if home and not Project.objects.visible_to(row.endpoint.owner).filter(pk=home).exists():
        _end(row, DeliveryState.FAILED, error=NOT_A_MEMBER)
        return
    begun = time.monotonic()
    try:
        status = outbound.post(row.endpoint.url, body, headers)
    except Unreached as error:
        _failed(row, error, time.monotonic() - begun)
    else:
        _end(row, DeliveryState.DELIVERED, status=status, seconds=time.monotonic() - begun)
        WebhookEndpoint.objects.filter(pk=row.endpoint_id).update(failures=0, rests_until=None, reached_at=Now())
        if row.endpoint.failures:
            _release(row.endpoint)


def _failed(row: WebhookDelivery, error: Unreached, seconds: float) -> None:
    """Let message and endpoint rest, or give the message up; an endpoint that nothing reached meanwhile is paused."""
    endpoint, now = row.endpoint, timezone.now()
    logger.info("the webhook message %s was not delivered: %s, status %s", row.pk, error.code, error.answered)
    last = row.attempts > len(PAUSES) or row.created_at < now - GIVEN_UP
    told: dict[str, Any] = {"status": error.answered, "seconds": seconds, "error": error.code}
    with transaction.atomic():
        if last:
            _end(row, DeliveryState.FAILED, **told)
        else:
            rows = WebhookDelivery.objects.filter(pk=row.pk, state=DeliveryState.WAITING)
            rows.update(next_at=Now() + PAUSES[row.attempts - 1], **told)
        rest = PAUSES[min(endpoint.failures, LONGEST_REST)]
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failures=F("failures") + 1, rests_until=Now() + rest)
        is_lost = last and (endpoint.reached_at is None or endpoint.reached_at < row.created_at)
        going = WebhookEndpoint.objects.filter(pk=endpoint.pk, paused_at__isnull=True)
        if (is_lost or error.answered == GONE) and going.update(paused_at=Now(), failing=True):
            audit.record("webhook.paused", endpoint, error=error.code)


def _end(row: WebhookDelivery, state: DeliveryState, **told: Any) -> None:
    rows = WebhookDelivery.objects.filter(pk=row.pk, state=DeliveryState.WAITING)
    rows.update(state=state, ended_at=Now(), **{"error": "", **told})


def _release(endpoint: WebhookEndpoint) -> None:
    """Let no message to an endpoint that answers wait any longer."""
    WebhookDelivery.objects.filter(endpoint=endpoint, state=DeliveryState.WAITING).update(next_at=Now())


def _send_soon(endpoint: WebhookEndpoint) -> None:
    """Try an endpoint now that rests."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(rests_until=None)
    transaction.on_commit(wakeups.send_deliveries, robust=True)


def _told(event: Event) -> str:
    what: Mapping[str, Any] = {
        "id": event.pk,
        "at": event.at.isoformat(),
        "kind": event.kind,
        "project": str(event.project_id),
        "user": event.user_id,
        "object_type": event.object_type,
        "object_id": str(event.object_id),
        "data": event.data,
    }
    return json.dumps(what, ensure_ascii=False)


def _who_sees(homes: set[UUID]) -> set[tuple[UUID, int]]:
    """Pairs of a project and somebody who takes part in it."""
    owners = Project.objects.filter(pk__in=homes).values_list("pk", "owner_id")
    members = Membership.objects.filter(project__in=homes).values_list("project_id", "user_id")
    return {*owners, *members}


def _checked(kinds: Sequence[str]) -> list[str]:
    unknown = sorted(set(kinds) - set(EventKind.values))
    if unknown:
        text = _("There are no events of the kind {kind}. There are: {kinds}.")
        raise Refused("kind_unknown", text.format(kind=unknown[0], kinds=", ".join(EventKind.values)), field="kinds")
    return [kind for kind in EventKind.values if kind in kinds]


def _require_on() -> None:
    if not settings.WEBHOOKS:
        text = _("Webhooks are off in this installation. Ask the administrator to switch them on.")
        raise Conflict("webhooks_off", text)


def _require_going(endpoint: WebhookEndpoint) -> None:
    if endpoint.paused_at is not None:
        raise Conflict("webhook_paused", _("This webhook is paused. Resume it first."))
