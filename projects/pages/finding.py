"""Finding something in a list of the library: what the address says goes in, fewer rows in another order come out.

What it says that there is not, such as a clip that has gone, counts as not said: an address that was kept goes on working.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, ClassVar, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from projects import presets
from projects.forms import LANGUAGES
from projects.models import AudioTrack, Preview, PreviewKind, PreviewState, SpeakerClip, Status
from projects.models.presets import STANDARD

LONGEST, MOST_WORDS = 100, 8
CLIPS_OFFERED = 200  # a longer choice nobody looks through; their names can be searched for
UNSEEN = "unseen"
Row = TypeVar("Row", bound=Model)
Choices = Iterable[tuple[str, Any]]

NEWEST = ("newest", _("Newest first"), "-created_at")
OLDEST = ("oldest", _("Oldest first"), "created_at")
BY_NAME = ("name", _("By name"), "title")
LONGEST_FIRST = ("longest", _("Longest first"), "-duration")
LARGEST_FIRST = ("largest", _("Largest first"), "-size")


class Finder(forms.Form):
    """Words to look for, and an order; subclasses add choices that narrow the list.

    looked_in: the columns in one of which each word must be; orders: name, label and column of each, the usual one first
    said: what the address says, of each field that it says anything of
    """

    looked_in: ClassVar[tuple[str, ...]] = ("title",)
    orders: ClassVar[tuple[tuple[str, Any, str], ...]] = (NEWEST, OLDEST, BY_NAME, LONGEST_FIRST, LARGEST_FIRST)

    q = forms.CharField(max_length=LONGEST, required=False, label=_("Search by name"))

    def __init__(self, asked: Mapping[str, Any], **choices: tuple[Any, Choices]) -> None:
        """choices: name, label of all, and the values of each field that narrows the list; without values it is not shown"""
        super().__init__(auto_id="find-%s")
        label = self.fields["q"].label
        named = {"placeholder": label, "aria-label": label, "autocomplete": "off"}
        self.fields["q"].widget = forms.TextInput(attrs={"type": "search", "maxlength": LONGEST, **named})
        self.narrowing = [name for name, (_all, values) in choices.items() if list(values)]
        for name in self.narrowing:
            everything, values = choices[name]
            self.fields[name] = _choice(everything, [("", everything), *values])
        self.fields["sort"] = _choice(_("Order"), [(name, words) for name, words, _column in self.orders])
        self.said: dict[str, str] = {}
        for name, field in self.fields.items():
            with suppress(ValidationError):
                if value := field.clean(asked.get(name, "")):
                    self.said[name] = value
        self.initial = dict(self.said)

    @property
    def selects(self) -> list[forms.BoundField]:
        """The fields beside the words."""
        return [self[name] for name in (*self.narrowing, "sort")]

    @property
    def is_narrow(self) -> bool:
        """Whether some rows are left out."""
        return any(name in self.said for name in ("q", *self.narrowing))

    @property
    def is_used(self) -> bool:
        """Whether it is another list than usual."""
        return self.is_narrow or self.said.get("sort", self.orders[0][0]) != self.orders[0][0]

    def found(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """The rows asked for, in the order asked for."""
        for word in self.said.get("q", "").split()[:MOST_WORDS]:
            has = Q()
            for column in self.looked_in:
                has |= Q(**{f"{column}__icontains": word})
            rows = rows.filter(has)
        for name in self.narrowing:
            if name in self.said:
                rows = rows.filter(self.narrow(name, self.said[name]))
        columns = {name: column for name, _words, column in self.orders}
        return rows.order_by(columns[self.said.get("sort", self.orders[0][0])], "pk")

    def narrow(self, name: str, value: str) -> Q:
        """Which rows a choice leaves."""
        return Q(**{name: value})


class ClipFinder(Finder):
    """Finds clips by their and their lecturers' names, and by what their preflight said."""

    looked_in = ("title", "speaker__name")

    def __init__(self, asked: Mapping[str, Any]) -> None:
        verdicts = (
            ("ready", _("Ready")),
            ("warnings", _("Ready, with warnings")),
            ("refused", _("Cannot be used")),
            (UNSEEN, _("Not looked at yet")),
        )
        super().__init__(asked, verdict=(_("All verdicts"), verdicts))

    def narrow(self, name: str, value: str) -> Q:
        """See Finder."""
        seen = Preview.objects.filter(clip=OuterRef("pk"), kind=PreviewKind.STRIP, state=PreviewState.DONE)
        return ~Q(Exists(seen)) if value == UNSEEN else Q(Exists(seen.filter(card__verdict=value)))


class VoiceFinder(Finder):
    """Finds voices by their names and languages."""

    def __init__(self, asked: Mapping[str, Any], voices: QuerySet[AudioTrack]) -> None:
        words = dict(LANGUAGES)
        there = voices.exclude(language="").order_by("language").values_list("language", flat=True).distinct()
        super().__init__(asked, language=(_("All languages"), [(code, words.get(code, code)) for code in there]))


class RenderFinder(Finder):
    """Finds renders by the names of what they are made of, by state, preset and clip."""

    looked_in = ("clip__title", "track__title", "clip__speaker__name")
    orders = (NEWEST, OLDEST, ("name", _("By name"), "clip__title"))

    def __init__(self, asked: Mapping[str, Any], clips: QuerySet[SpeakerClip]) -> None:
        offered = [(preset.code, preset.shown_name) for preset in presets.offered() if preset.excerpt is None]
        titles = [(str(pk), title) for pk, title in clips.values_list("pk", "title")[:CLIPS_OFFERED]]
        super().__init__(
            asked,
            status=(_("All states"), [(status.value, capfirst(status.label)) for status in Status]),
            preset=(_("All presets"), offered),
            clip=(_("All clips"), titles),
        )

    def narrow(self, name: str, value: str) -> Q:
        """See Finder. Who chose no preset had the standard one."""
        is_standard = name == "preset" and value == STANDARD.code
        return Q(preset__in=("", value)) if is_standard else super().narrow(name, value)


def _choice(label: Any, values: list[tuple[str, Any]]) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=values, required=False, widget=forms.Select(attrs={"aria-label": label}))
