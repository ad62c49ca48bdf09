"""The application's registration with Django."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProjectsConfig(AppConfig):
    """Registers the models and the system checks."""

    name = "projects"
    verbose_name = _("Projects")

    def ready(self) -> None:
        """Register the system checks."""
        from projects import checks  # noqa: PLC0415 - models cannot be loaded before the registry is ready

        checks.register_all()
