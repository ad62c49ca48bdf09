"""Template tags of the pages: icons, times, states and the navigation."""

from __future__ import annotations

import secrets
from datetime import datetime
from functools import cache
from typing import Any

from django import template
from django.conf import settings
from django.contrib.auth.models import User
from django.template.context import RequestContext
from django.template.defaultfilters import floatformat
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext as _

from projects import access, outbound, quotas, sentences, webhooks
from projects.consents import EARLIER_NOTE, STATED, STATED_NOTE, Standing
from projects.forms import LANGUAGES
from projects.models import AudioTrack, RenderJob, Role, SpeakerClip
from projects.pages import people, telling, turns
from projects.pages.returning import page_before

register = template.Library()

CONSENT_ICONS = {
    "valid": "circle-check",
    "soon": "triangle-alert",
    "expired": "circle-x",
    "withdrawn": "ban",
    "missing": "circle",
}
CONSENT_TEXTS = frozenset({STATED, STATED_NOTE, EARLIER_NOTE})
PROJECTS_IN_SWITCHER = 12
WAVE_HALF = 20
VERDICT_ICONS = {"ready": "circle-check", "warnings": "triangle-alert", "refused": "circle-x"}
NOTE_KINDS = {"error": "bad", "success": "good", "warning": "warning"}
NOTE_ICONS = {"error": "triangle-alert", "success": "circle-check", "warning": "triangle-alert"}
STATE_ICONS = {
    "queued": "circle",
    "running": "loader",
    "succeeded": "circle-check",
    "failed": "circle-x",
    "cancelled": "ban",
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of the sprite; it says nothing to a screen reader, the words beside it do."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', _sprite(), name)


@cache
def _sprite() -> str:
    """The same for as long as the process lives, and asked for a thousand times by a long board."""
    return static("vendor/lucide/icons.svg")


@register.simple_tag
def once() -> SafeString:
    """The hidden token of a form that shall do its work once, however often it is sent."""
    return format_html('<input type="hidden" name="once" value="{}">', secrets.token_urlsafe(16))


@register.simple_tag(takes_context=True)
def here(context: RequestContext) -> str:
    """Where a form of this page leads back to. What another form was sent to may be no page: then to the one before."""
    request = context["request"]
    return page_before(request) if request.method == "POST" else request.get_full_path()


@register.simple_tag(takes_context=True)
def at_page(context: RequestContext, number: int, name: str = "") -> str:
    """The query of another page of a list. name: of the list's place in the query, where it is not the page's only one"""
    query = context["request"].GET.copy()
    query[name or "page"] = str(number)
    return f"?{query.urlencode()}"


@register.filter
def clock(seconds: float | None) -> str:
    """75.2 -> 1:15, 3675 -> 1:01:15."""
    if seconds is None:
        return ""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


@register.filter
def minutes(seconds: float) -> str:
    """12.0 -> 0.2, 36000 -> 600: as quota plans count."""
    return floatformat(seconds / 60)


@register.filter
def about(seconds: float | None) -> str:
    """A time in words, as exact as a guess may sound: "about 2 min"."""
    if seconds is None:
        return ""
    if seconds < 55:
        rounded = max(5, 5 * round(seconds / 5))
        return ngettext("about %(count)d second", "about %(count)d seconds", rounded) % {"count": rounded}
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return ngettext("about %(count)d minute", "about %(count)d minutes", minutes) % {"count": minutes}
    return _("about %(hours)d h %(minutes)d min") % {"hours": minutes // 60, "minutes": minutes % 60}


@register.filter
def moment(when: datetime) -> str:
    """A time of today as the clock shows it, of another day with the date."""
    local = timezone.localtime(when)
    today = local.date() == timezone.localdate()
    return date_format(local, "TIME_FORMAT" if today else "DATETIME_FORMAT")


@register.filter
def why_not_delivered(code: str) -> str:
    """What came of a webhook's message, and what to do."""
    return _(webhooks.WHY.get(code, outbound.SAYS_NO))


@register.filter
def unlocalized(value: float) -> str:
    """A number as HTML attributes want it, whatever the language."""
    return f"{value:.3f}"


@register.filter
def percent(share: float) -> int:
    """0.4567 -> 45; never 100 before the end."""
    return min(int(share * 100), 99)


@register.filter
def note_kind(level: str) -> str:
    """The look of a message."""
    return NOTE_KINDS.get(level, "")


@register.filter
def note_icon(level: str) -> str:
    """The icon of a message."""
    return NOTE_ICONS.get(level, "info")


@register.filter
def state_icon(status: str) -> str:
    """The shape of a state."""
    return STATE_ICONS[status]


@register.filter
def state_word(job: RenderJob) -> str:
    """The word of a state."""
    return telling.state_words(job)


@register.filter
def at_fault(job: RenderJob) -> str:
    """What of a failed render has to be another one."""
    return telling.at_fault(job)


@register.filter
def shown(sentence: str) -> str:
    """A stored sentence in the reader's language."""
    return sentences.shown(sentence)


@register.filter
def person_name(user: User) -> str:
    """What somebody wishes to be called, else their user name."""
    return people.name_of(user)


@register.filter
def role_word(role: str) -> str:
    """What a person is in a project."""
    return str(Role(role).label)


@register.filter
def verdict_icon(verdict: str) -> str:
    """The shape of what a take is worth."""
    return VERDICT_ICONS.get(verdict, "circle")


@register.filter
def verdict_word(verdict: str) -> str:
    """What a take is worth."""
    return {"ready": _("Ready"), "warnings": _("Ready, with warnings"), "refused": _("Cannot be used")}.get(verdict, verdict)


@register.filter
def consent_icon(state: str) -> str:
    """The shape of how things stand with a consent."""
    return CONSENT_ICONS[state]


@register.filter
def consent_words(standing: Standing) -> str:
    """How things stand with a consent."""
    return telling.consent_words(standing)


@register.filter
def consent_text(text: str) -> str:
    """What a consent says, in the reader's language where the platform itself has written it."""
    return gettext(text) if text in CONSENT_TEXTS else text


@register.filter
def language_word(code: str) -> str:
    """The name of a voice's language."""
    return str(dict(LANGUAGES).get(code, code))


@register.filter
def kind_word(kind: str) -> str:
    """The name of one thing of this kind."""
    return {"clips": _("clip"), "voices": _("voice"), "videos": _("video")}[kind]


@register.filter
def wave(peaks: bytes | None) -> str:
    """A voice's peaks as upright lines in a box 40 high, two units for each; as high as they are: a quiet voice looks it."""
    heights = (max(1, round(peak / 255 * WAVE_HALF)) for peak in bytes(peaks or b""))
    return "".join(f"M{2 * place + 1} {WAVE_HALF - height}v{2 * height}" for place, height in enumerate(heights))


@register.filter
def cell(clip: SpeakerClip, track: AudioTrack) -> str:
    """The two together as a batch's form names them."""
    return f"{clip.pk}:{track.pk}"


@register.inclusion_tag("parts/advice_upload.html")
def upload_advice() -> dict[str, Any]:
    """What to do about large files and slow lines, and which browsers will do."""
    return {"upload_hours": settings.UPLOAD_HOURS}


@register.simple_tag(takes_context=True)
def room_left(context: RequestContext) -> int | None:
    """Bytes that still fit where this page's files go: into the projects of the project's owner. None for no limit"""
    project = context.get("project")
    owner = project.owner if project else context["request"].user
    plan = quotas.plan_of(owner)
    return None if plan.bytes_per_person is None else quotas.room_of_person(owner, plan).left


@register.inclusion_tag("parts/navigation.html", takes_context=True)
def navigation(context: RequestContext) -> dict[str, Any]:
    """The top bar, and the bottom bar of narrow windows. homes: the person's projects, where the page has them already"""
    request = context["request"]
    match = request.resolver_match
    homes = context.get("homes")
    if homes is None:
        homes = list(turns.with_live_count(access.projects_of(request.user), request.user)[:PROJECTS_IN_SWITCHER])
    return {
        "request": request,
        "user": request.user,
        "csrf_token": context.get("csrf_token"),
        "here": match.url_name if match else "",
        "project": context.get("project"),
        "tab": context.get("tab"),
        "projects": homes[:PROJECTS_IN_SWITCHER],
        "active_jobs": turns.live_count_in(homes),
    }
