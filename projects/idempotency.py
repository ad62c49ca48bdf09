"""Asking twice makes one render, one batch or one upload: key and what was asked go in, the one row comes out.

A key belongs to one person and is remembered for a day (`Idempotency-Key` of the API, a hidden token in a page's form).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar, cast

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from projects.errors import Refused
from projects.models import IdempotencyKey, RenderBatch, RenderJob, Upload
from projects.models.queues import KEY_LENGTH

if TYPE_CHECKING:
    from django.contrib.auth.models import User

REMEMBERED = timedelta(hours=24)
Made = TypeVar("Made", RenderJob, RenderBatch, Upload)
FIELDS = {RenderJob: "job", RenderBatch: "batch", Upload: "upload"}
PRINTABLE = re.compile(rf"[\x20-\x7e]{{1,{KEY_LENGTH}}}")


def once(*, user: User, key: str | None, asked: Mapping[str, object], make: Callable[[], Made]) -> tuple[Made, bool]:
    """What `make` makes, or, where this key was used before, what came of it then, and True.

    key: None asks for a new one in any case; asked: what it is made from, in values that JSON knows.
    Raises ProjectError `idempotency_key_invalid`, `idempotency_mismatch`, and what `make` raises; then the key stays unused.
    """
    if key is None:
        return make(), False
    if not PRINTABLE.fullmatch(key):
        text = _("An idempotency key is 1 to {most} printable ASCII characters. Choose such a key, for example a UUID.")
        raise Refused("idempotency_key_invalid", text.format(most=KEY_LENGTH))
    content = digest(asked)
    with transaction.atomic():
        # Of two that ask at the same time the second waits here, and then sees the first one's key.
        get_user_model().objects.select_for_update(no_key=True).get(pk=user.pk)
        known = IdempotencyKey.objects.select_related("job", "batch", "upload").filter(user=user, key=key).first()
        if known is not None and known.created_at <= timezone.now() - REMEMBERED:
            known.delete()
            known = None
        if known is None:
            made = make()
            IdempotencyKey.objects.create(user=user, key=key, digest=content, **{FIELDS[type(made)]: made})
            return made, False
    if known.digest != content:
        text = _("This idempotency key was used for another request. Use a new key for a new request.")
        raise Refused("idempotency_mismatch", text)
    # The digest says that the same was asked, so the same kind of row came of it.
    return cast("Made", known.job or known.batch or known.upload), True


def digest(asked: Mapping[str, object]) -> str:
    """What was asked as 64 hexadecimal digits, the same in whatever order it was said."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def forget_old() -> int:
    """Remove the keys that are no longer remembered. Returns how many."""
    return IdempotencyKey.objects.filter(created_at__lte=timezone.now() - REMEMBERED).delete()[0]
