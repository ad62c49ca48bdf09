"""How the administration's lists write what they show: bytes, minutes, shares, links and states."""

from __future__ import annotations

from django.db.models import Model
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString

from projects.admin_pages.navigation import page_of

NONE = "–"
NEARLY_FULL = 0.9
# How grave a state is, by which its colour is chosen.
TONES = {
    "valid": "good",
    "soon": "warning",
    "expired": "bad",
    "withdrawn": "bad",
    "missing": "bad",
    "running": "good",
    "failed": "bad",
    "lost": "bad",
    "refused": "bad",
    "put_off": "warning",
}


def size(count: int | None) -> str:
    """Bytes."""
    return NONE if count is None else filesizeformat(count)


def share(used: float, limit: float | None) -> str | SafeString:
    """How full it is."""
    if limit is None:
        return NONE
    part = used / limit if limit else 1.0
    return chip(f"{part:.0%}", "bad" if part >= 1 else "warning" if part >= NEARLY_FULL else "")


def chip(text: object, tone: str = "") -> SafeString:
    """A word in a colour."""
    return format_html('<span class="panel-chip {}">{}</span>', tone, text)


def state(value: str, label: object) -> SafeString:
    """A state in its colour."""
    return chip(label, TONES.get(value, ""))


def link(url: str, text: object) -> SafeString:
    """A link."""
    return format_html('<a class="panel-link" href="{}">{}</a>', url, text)


def row(it: Model | None) -> str | SafeString:
    """A link to a row's page."""
    return NONE if it is None else link(page_of(it), it)
