"""Presets: a choice with a name, offered wherever a render is asked for."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from projects.models.choices import DRAFT_SECONDS, Chosen, Speed

NAME_LENGTH, NOTE_LENGTH, CODE_LENGTH = 40, 120, 40


class Preset(Chosen):
    """A choice with a name. A render copies what it says and keeps its code, so a preset may be changed and removed.

    code: what scripts ask for; place: where it stands among the others, the built-in ones come first
    """

    code = models.SlugField(_("code"), max_length=CODE_LENGTH, unique=True, help_text=_("What scripts ask for."))
    name = models.CharField(_("name"), max_length=NAME_LENGTH)
    note = models.CharField(_("note"), max_length=NOTE_LENGTH, blank=True, default="", help_text=_("One line under the name."))
    place = models.PositiveSmallIntegerField(_("place"), default=10)

    class Meta:
        ordering = ("place", "name")
        verbose_name = _("preset")
        verbose_name_plural = _("presets")
        constraints = (
            *Chosen.Meta.constraints,
            models.CheckConstraint(condition=~Q(name="") & ~Q(code=""), name="preset_has_a_name"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def shown_name(self) -> str:
        """The name, in the reader's language where it is a built-in one."""
        return gettext(self.name) if self.pk is None else self.name

    @property
    def shown_note(self) -> str:
        """The same of the note."""
        return gettext(self.note) if self.pk is None else self.note

    def clean(self) -> None:
        """No code of a built-in one."""
        if self.code in {preset.code for preset in BUILT_IN}:
            raise ValidationError({"code": _("A built-in preset has this code. Choose another one.")})


# These are of the release: an update may make them better.
BUILT_IN = (
    Preset(code="standard", name=gettext_noop("Standard"), note=gettext_noop("Right for nearly everything")),
    Preset(
        code="best",
        name=gettext_noop("Best"),
        note=gettext_noop("Finer picture, larger file, takes longer"),
        quality=14,
        speed=Speed.MEDIUM,
    ),
    Preset(
        code="draft",
        name=gettext_noop("Draft"),
        note=gettext_noop("5 seconds of the hardest part, to look before you make it all"),
        excerpt=DRAFT_SECONDS,
    ),
)
STANDARD, DRAFT = BUILT_IN[0], BUILT_IN[-1]
