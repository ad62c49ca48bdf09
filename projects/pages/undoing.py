"""A deed that can be taken back at once: a notice with a button goes out."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.template.loader import render_to_string


def tell_binned(request: HttpRequest, text: str, *, undo_url: str, back: str, chosen: Collection[UUID] = ()) -> None:
    """Say what is in the bin, with a button that takes it out again. chosen: what the button gives to `undo_url`"""
    context = {"text": text, "undo_url": undo_url, "back": back, "chosen": chosen}
    messages.success(request, render_to_string("parts/binned.html", context, request))
