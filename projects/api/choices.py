"""How a render is to be made, as scripts say it: the code of a preset, and what of it is to be otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from rest_framework import serializers

from projects import presets
from projects.models import Choice, Preset
from projects.models.choices import WORST_QUALITY, Codec, Engine, Enhancer, Longer, Shorter, Speed
from projects.models.presets import CODE_LENGTH, STANDARD

NAMES = tuple(field.name for field in fields(Choice))
OF_PRESETS = tuple(name for name in NAMES if not name.startswith(("part_", "point_")))


class HowFields(serializers.Serializer[Any]):
    """What of a preset is to be otherwise. What is left out is as the preset says.

    preset: its code, see `presets/`; the standard one when left out
    excerpt: make only the hardest so many seconds, a draft; null makes the whole video
    engine, enhancer: what makes the mouths and what restores them; refused where no worker can run it
    """

    preset = serializers.CharField(max_length=CODE_LENGTH, required=False)
    denoise = serializers.BooleanField(required=False)
    loudness = serializers.BooleanField(required=False)
    longer = serializers.ChoiceField(choices=Longer.choices, required=False)
    shorter = serializers.ChoiceField(choices=Shorter.choices, required=False)
    codec = serializers.ChoiceField(choices=Codec.choices, required=False)
    quality = serializers.IntegerField(min_value=0, max_value=WORST_QUALITY, required=False)
    speed = serializers.ChoiceField(choices=Speed.choices, required=False)
    excerpt = serializers.FloatField(min_value=0.5, required=False, allow_null=True)
    engine = serializers.ChoiceField(choices=Engine.choices, required=False)
    enhancer = serializers.ChoiceField(choices=Enhancer.choices, required=False, allow_blank=True)


class OneClipFields(HowFields):
    """The same for one clip: the part of it that is used, in seconds, and where the speaker is.

    point_x, point_y: 0 to 1 from the left and the top of the upright picture, at the second `point_at`
    """

    part_start = serializers.FloatField(min_value=0, required=False, allow_null=True)
    part_end = serializers.FloatField(min_value=0, required=False, allow_null=True)
    point_x = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)
    point_y = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)
    point_at = serializers.FloatField(min_value=0, required=False, allow_null=True)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """A point has two numbers."""
        if (given.get("point_x") is None) != (given.get("point_y") is None):
            raise serializers.ValidationError({"point_y": "Give point_x and point_y together, or neither."})
        return given


class PresetShape(serializers.ModelSerializer[Preset]):
    """A preset."""

    name = serializers.CharField(source="shown_name")
    note = serializers.CharField(source="shown_note")

    class Meta:
        model = Preset
        fields = ("code", "name", "note", *OF_PRESETS)
        read_only_fields = fields


def chosen(given: Mapping[str, Any]) -> tuple[Choice, str]:
    """The choice that was asked for, and the code of its preset. Raises ProjectError `unknown_preset`."""
    preset = presets.find(given.get("preset", STANDARD.code))
    return replace(preset.choice, **{name: given[name] for name in NAMES if name in given}), preset.code
