"""The administrator's view of every row. Files and final states are shown, never edited here."""

from __future__ import annotations

from django.contrib import admin

from projects.admin_pages import entrance, library, renders, room
from projects.forms import AdminSignInForm

__all__ = ["entrance", "library", "renders", "room"]

admin.site.site_header = "HeyGem Studio"
admin.site.site_title = "HeyGem Studio"
admin.site.login_form = AdminSignInForm
