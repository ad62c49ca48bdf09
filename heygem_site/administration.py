"""Which class the administration's site is; Django asks for it before any model may be imported."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class AdministrationConfig(AdminConfig):
    """Django's admin with the site of this platform."""

    default_site = "projects.admin_pages.site.Administration"
