"""The part of a form that says how a render is to be made: a preset, and what of it is to be otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects import abilities, presets
from projects.errors import Refused
from projects.models import Choice, Preset
from projects.models.choices import Codec, Engine, Enhancer, Longer, Shorter
from projects.models.presets import STANDARD

AS_PRESET = ("", _("As the preset says"))
QUALITIES = (("14", _("Finest, the largest file")), ("18", _("Fine")), ("23", _("Small file")))


def _choice_field(label: Any, choices: list[tuple[str, Any]], help_text: Any = "") -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=[AS_PRESET, *choices], required=False, help_text=help_text)


def _seconds_field(label: Any, help_text: Any = "") -> forms.FloatField:
    widget = forms.NumberInput(attrs={"step": "0.1", "inputmode": "decimal"})
    return forms.FloatField(label=label, min_value=0, required=False, help_text=help_text, widget=widget)


def _place_field(label: Any) -> forms.FloatField:
    """Percent of the picture."""
    return forms.FloatField(
        label=label, min_value=0, max_value=100, required=False, widget=forms.NumberInput(attrs={"step": "any"})
    )


class HowForm(forms.Form):
    """How videos are made, whatever clips and voices they are made of."""

    preset = forms.CharField(required=False)
    longer = _choice_field(_("Voice longer than the clip"), Longer.choices)
    shorter = _choice_field(_("Voice shorter than the clip"), Shorter.choices)
    quality = _choice_field(_("Picture"), list(QUALITIES))
    codec = _choice_field(_("Format"), Codec.choices)
    engine = _choice_field(
        _("Mouths"), Engine.choices, _("Wav2Lip's published weights are for research and personal use, not for commercial use.")
    )
    enhancer = forms.BooleanField(
        label=_("Restore the mouth afterwards"),
        required=False,
        help_text=_("GFPGAN makes a soft mouth sharper. It takes longer."),
    )
    denoise = forms.BooleanField(
        label=_("Turn down steady noise"),
        required=False,
        help_text=_("Hum, hiss or a fan under the voice. Leave it off for a clean recording."),
    )
    loudness = forms.BooleanField(
        label=_("Even the loudness"),
        required=False,
        help_text=_("Brings the voice to -16 LUFS, as is usual on the web, with peaks held below -1.5 dB."),
    )

    def clean_preset(self) -> Preset:
        """The preset with this code, the standard one where none is named."""
        try:
            return presets.find(self.cleaned_data["preset"] or STANDARD.code)
        except Refused as refusal:
            raise forms.ValidationError(refusal.message, code=refusal.code) from refusal

    @property
    def chosen_preset(self) -> str:
        """The code of the one that is marked."""
        return str(self["preset"].value() or STANDARD.code)

    @property
    def other_engines(self) -> set[str]:
        """What is shown beside the usual engine: what this machine has, which takes no query; the rest goes by presets."""
        return set(abilities.here()) - {abilities.USUAL}

    def choice(self) -> Choice:
        """What was chosen: as the preset says, but for what is said otherwise."""
        data = self.cleaned_data
        usual: Choice = data["preset"].choice
        said: dict[str, Any] = {name: data[name] for name in ("longer", "shorter", "codec", "engine") if data[name]}
        said |= {"quality": int(data["quality"])} if data["quality"] else {}
        said |= {name: data[name] or getattr(usual, name) for name in ("denoise", "loudness")}
        return replace(usual, **said, enhancer=Enhancer.GFPGAN.value if data["enhancer"] else usual.enhancer)


class OneClipForm(HowForm):
    """The same for one clip, of which a part may be used."""

    part_start = _seconds_field(_("Use the clip from second"), _("Empty: from its start."))
    part_end = _seconds_field(_("to second"), _("Empty: to its end."))
    point_x = _place_field(_("The speaker is at, % from the left"))
    point_y = _place_field(_("% from the top"))

    def clean(self) -> dict[str, Any]:
        """A point has two numbers."""
        data = super().clean() or {}
        if (data.get("point_x") is None) != (data.get("point_y") is None):
            self.add_error("point_y", _("A place in the picture has two numbers. Give both, or none."))
        start, end = data.get("part_start"), data.get("part_end")
        if start is not None and end is not None and end <= start:
            self.add_error("part_end", _("The end comes after the start. Choose a later end."))
        return data

    def choice(self) -> Choice:
        """With the part and the place of the speaker."""
        data = self.cleaned_data
        place: dict[str, Any] = {name: None if data[name] is None else data[name] / 100 for name in ("point_x", "point_y")}
        return replace(super().choice(), part_start=data["part_start"], part_end=data["part_end"], **place)
