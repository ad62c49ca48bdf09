"""Which presets there are: the built-in ones, and those that administrators have added."""

from __future__ import annotations

from django.utils.translation import gettext as _

from projects.errors import Refused
from projects.models import Preset
from projects.models.presets import BUILT_IN


def offered() -> list[Preset]:
    """All of them, in the order in which they are shown."""
    return [*BUILT_IN, *Preset.objects.all()]


def find(code: str) -> Preset:
    """The one with this code. Raises ProjectError `unknown_preset`."""
    found = _known(code)
    if found is None:
        text = _("There is no preset {code}. Choose one of: {choices}.")
        choices = ", ".join(preset.code for preset in offered())
        raise Refused("unknown_preset", text.format(code=repr(code[:40]), choices=choices), field="preset")
    return found


def name_of(code: str) -> str:
    """What the one with this code is called, in the reader's language; the code itself once the preset is gone."""
    found = _known(code)
    return code if found is None else found.shown_name


def _known(code: str) -> Preset | None:
    return next((preset for preset in BUILT_IN if preset.code == code), None) or Preset.objects.filter(code=code).first()
