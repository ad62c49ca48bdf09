"""How a render is to be made, as scripts say it: the code of a preset, and what of it is to be otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from projects import presets
from projects.api.endpoints import Endpoint, operation
from projects.api.lists import Asked, asked, whole
from projects.api.shapes import Sent, Shape, told
from projects.models import Choice, Scope
from projects.models.choices import WORST_QUALITY, Codec, Engine, Enhancer, Longer, Shorter, Speed
from projects.models.presets import CODE_LENGTH, STANDARD

NAMES = tuple(field.name for field in fields(Choice))
DENOISE = told("Whether steady noise is taken out of the voice before it is heard.", False)
LOUDNESS = told("Whether the voice is brought to the usual loudness before it is heard.", False)
LONGER = told("What the picture does when the voice is longer than the clip.", "bounce")
SHORTER = told("What it does when the voice is shorter.", "cut")
CODEC = told("How the picture is encoded.", "h264")
QUALITY = told("How good the picture is, 0 best to 51.", 18)
SPEED = told("How much care the encoder takes.", "veryfast")
EXCERPT = told("Only the hardest so many seconds are made, a draft; null makes the whole video.", 5.0)
ENGINE = told("What makes the mouths; refused where no worker can run it.", "resynth")
ENHANCER = told("What restores the mouths afterwards, nothing when empty; refused where no worker can run it.", "")
PART_START = told("Where the part of the clip that is used begins, seconds; null at its start.", 2.0)
PART_END = told("Where it ends, seconds; null at the clip's end.", 58.5)
POINT_X = told("Where the speaker is, 0 to 1 from the left of the upright picture; null lets the engine tell.", 0.48)
POINT_Y = told("The same, 0 to 1 from its top.", 0.35)
POINT_AT = told("The second of the clip at which that is so.", 0.0)


class Number(serializers.FloatField):
    """A number that can be counted with."""

    def to_internal_value(self, data: Any) -> float:
        """Raises ValidationError for what is none, or endless."""
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class HowFields(Sent):
    """What of a preset is to be otherwise. What is left out is as the preset says."""

    preset = serializers.CharField(
        max_length=CODE_LENGTH,
        required=False,
        **told("The code of a preset, see `presets/`; the standard one when left out.", "best"),
    )
    denoise = serializers.BooleanField(required=False, **DENOISE)
    loudness = serializers.BooleanField(required=False, **LOUDNESS)
    longer = serializers.ChoiceField(choices=Longer.choices, required=False, **LONGER)
    shorter = serializers.ChoiceField(choices=Shorter.choices, required=False, **SHORTER)
    codec = serializers.ChoiceField(choices=Codec.choices, required=False, **CODEC)
    quality = serializers.IntegerField(min_value=0, max_value=WORST_QUALITY, required=False, **QUALITY)
    speed = serializers.ChoiceField(choices=Speed.choices, required=False, **SPEED)
    excerpt = Number(min_value=0.5, required=False, allow_null=True, **EXCERPT)
    engine = serializers.ChoiceField(choices=Engine.choices, required=False, **ENGINE)
    enhancer = serializers.ChoiceField(choices=Enhancer.choices, required=False, allow_blank=True, **ENHANCER)


class OneClipFields(HowFields):
    """The same for one clip: the part of it that is used, and where the speaker is."""

    part_start = Number(min_value=0, required=False, allow_null=True, **PART_START)
    part_end = Number(min_value=0, required=False, allow_null=True, **PART_END)
    point_x = Number(min_value=0, max_value=1, required=False, allow_null=True, **POINT_X)
    point_y = Number(min_value=0, max_value=1, required=False, allow_null=True, **POINT_Y)
    point_at = Number(min_value=0, required=False, allow_null=True, **POINT_AT)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """A point has two numbers."""
        if (given.get("point_x") is None) != (given.get("point_y") is None):
            raise serializers.ValidationError({"point_y": _("Give point_x and point_y together, or neither.")})
        return given


class HowShape(Shape):
    """How something is made."""

    denoise = serializers.BooleanField(**DENOISE)
    loudness = serializers.BooleanField(**LOUDNESS)
    longer = serializers.ChoiceField(choices=Longer.choices, **LONGER)
    shorter = serializers.ChoiceField(choices=Shorter.choices, **SHORTER)
    codec = serializers.ChoiceField(choices=Codec.choices, **CODEC)
    quality = serializers.IntegerField(**QUALITY)
    speed = serializers.ChoiceField(choices=Speed.choices, **SPEED)
    excerpt = serializers.FloatField(allow_null=True, **EXCERPT)
    engine = serializers.ChoiceField(choices=Engine.choices, **ENGINE)
    enhancer = serializers.ChoiceField(choices=Enhancer.choices, **ENHANCER)


class PresetShape(HowShape):
    """A preset."""

    code = serializers.CharField(**told("What to ask for.", "best"))
    name = serializers.CharField(source="shown_name", **told("What it is called.", "Best"))
    note = serializers.CharField(
        source="shown_note", **told("What it is good for.", "Finer picture, larger file, takes longer")
    )


class PresetsAsked(Asked):
    """What the list of presets may be asked for."""


class Presets(Endpoint):
    """All presets."""

    @operation("List presets", scope={Scope.READ}, asks=PresetsAsked, answers=PresetShape, many=True)
    def get(self, request: Request) -> Response:
        """The presets by which a render can be asked for: the built-in ones, then those that administrators have added."""
        return whole(request, presets.offered(), PresetShape, asked(request, PresetsAsked))


def chosen(given: Mapping[str, Any]) -> tuple[Choice, str]:
    """The choice that was asked for, and the code of its preset. Raises ProjectError `unknown_preset`."""
    preset = presets.find(given.get("preset", STANDARD.code))
    return replace(preset.choice, **{name: given[name] for name in NAMES if name in given}), preset.code
