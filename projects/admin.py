"""The administrator's view of every row. Files and final states are shown, never edited here."""

from __future__ import annotations

from django.contrib import admin
from django_q.models import Failure, OrmQ, Schedule, Success

from projects.admin_pages import entrance, library, people, renders, room, webhooks
from projects.forms import AdminSignInForm

__all__ = ["entrance", "library", "people", "renders", "room", "webhooks"]

admin.site.login_form = AdminSignInForm
# A message of the queue only wakes somebody: what became of a render is told by its row and its attempts.
for model in (Failure, OrmQ, Schedule, Success):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
