"""What a person may choose for a render: the same fields for a preset, a render and whoever passes the choice on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lipsync.media import Encoding, SoundChoice

WORST_QUALITY = 51
DRAFT_SECONDS = 5.0


class Longer(models.TextChoices):
    """What the picture does when the voice is longer than the clip."""

    BOUNCE = "bounce", _("play it forwards and backwards")
    LOOP = "loop", _("begin again at the best matched place")
    HOLD = "hold", _("stay with its last seconds")
    CUT = "cut", _("stop where the clip ends")


class Shorter(models.TextChoices):
    """What it does when the voice is shorter."""

    CUT = "cut", _("end with the voice")
    KEEP = "keep", _("keep the rest, with the mouth at rest")


class Codec(models.TextChoices):
    """How the picture is coded."""

    H264 = "h264", _("H.264, plays everywhere")
    HEVC = "hevc", _("HEVC, smaller, not every browser plays it")


class Speed(models.TextChoices):
    """How much care the encoder takes, in x264's words."""

    VERYFAST = "veryfast", _("fast")
    MEDIUM = "medium", _("careful")
    SLOW = "slow", _("very careful")


class Engine(models.TextChoices):
    """What makes the mouths, in the engine's words."""

    RESYNTH = "resynth", _("the person's own, from the clip")
    WAV2LIP = "wav2lip", _("made by Wav2Lip")


class Enhancer(models.TextChoices):
    """What restores them afterwards."""

    NONE = "", _("nothing")
    GFPGAN = "gfpgan", _("restored by GFPGAN")


@dataclass(frozen=True, slots=True)
class Choice:
    """How a render is to be made. The fields of `Chosen`, and what is of one clip alone:

    part_start, part_end: the part of the clip that is used, seconds; None is its start, its end
    point_x, point_y: where the speaker is, 0 to 1 from the left and the top of the upright picture, at the second `point_at`;
    None lets the engine tell
    """

    denoise: bool = False
    loudness: bool = False
    longer: str = Longer.BOUNCE.value
    shorter: str = Shorter.CUT.value
    codec: str = Codec.H264.value
    quality: int = Encoding().quality
    speed: str = Speed.VERYFAST.value
    excerpt: float | None = None
    engine: str = Engine.RESYNTH.value
    enhancer: str = Enhancer.NONE.value
    part_start: float | None = None
    part_end: float | None = None
    point_x: float | None = None
    point_y: float | None = None
    point_at: float | None = None

    @classmethod
    def of(cls, row: models.Model) -> Self:
        """What a preset or a render holds."""
        return cls(**{field.name: getattr(row, field.name) for field in fields(cls) if hasattr(row, field.name)})

    @property
    def sound(self) -> SoundChoice:
        """What is done to the voice before it is heard."""
        return SoundChoice(denoise=self.denoise, loudness=self.loudness)

    def as_dict(self) -> dict[str, Any]:
        """Its fields by name: those of a render's row."""
        return asdict(self)

    def for_engine(self) -> dict[str, Any]:
        """The same in the engine's words, see `lipsync.process.options_from`."""
        point = None if self.point_x is None else (self.point_x, self.point_y, self.point_at or 0.0)
        told = {"quality": self.quality, "preset": self.speed, "codec": self.codec, "longer": self.longer}
        told |= {"shorter": self.shorter, "start": self.part_start, "end": self.part_end, "excerpt": self.excerpt}
        told |= {"engine": self.engine, "enhancer": self.enhancer}
        return {**told, "point": point, **asdict(self.sound)}

    def seconds(self, *, clip: float, voice: float) -> float:
        """How long the video of a clip and a voice of so many seconds will be."""
        part = max(0.0, min(clip, self.part_end or clip) - (self.part_start or 0.0))
        whole = min(voice, part) if self.longer == Longer.CUT else voice
        if self.shorter == Shorter.KEEP:
            whole = max(whole, part)
        return whole if self.excerpt is None else min(whole, self.excerpt)


class Chosen(models.Model):
    """A row that says how renders are made.

    denoise, loudness: what is done to the voice before it is heard
    longer, shorter: what the picture does when the voice is longer, or shorter, than the clip
    codec, quality, speed: how the picture is coded; quality: 0 best to 51
    excerpt: of a draft, how many seconds of the hardest part are made; empty makes the whole video
    engine, enhancer: what makes the mouths and what restores them; only where a worker has the weights, see `abilities`
    """

    denoise = models.BooleanField(_("steady noise turned down"), default=False)
    loudness = models.BooleanField(_("loudness evened"), default=False)
    longer = models.CharField(_("voice longer than the clip"), max_length=8, choices=Longer.choices, default=Longer.BOUNCE)
    shorter = models.CharField(_("voice shorter than the clip"), max_length=8, choices=Shorter.choices, default=Shorter.CUT)
    codec = models.CharField(_("format"), max_length=8, choices=Codec.choices, default=Codec.H264)
    quality = models.PositiveSmallIntegerField(_("quality, 0 best to 51"), default=Encoding().quality)
    speed = models.CharField(_("encoding"), max_length=12, choices=Speed.choices, default=Speed.VERYFAST)
    excerpt = models.FloatField(_("seconds of a draft"), null=True, blank=True, help_text=_("Empty: the whole video."))

    engine = models.CharField(_("mouths"), max_length=12, choices=Engine.choices, default=Engine.RESYNTH)
    enhancer = models.CharField(_("afterwards"), max_length=12, choices=Enhancer.choices, blank=True, default=Enhancer.NONE)

    class Meta:
        abstract = True
        constraints = (
            models.CheckConstraint(condition=Q(engine__in=Engine.values), name="%(class)s_engine_is_known"),
            models.CheckConstraint(condition=Q(enhancer__in=Enhancer.values), name="%(class)s_enhancer_is_known"),
            models.CheckConstraint(condition=Q(longer__in=Longer.values), name="%(class)s_longer_is_known"),
            models.CheckConstraint(condition=Q(shorter__in=Shorter.values), name="%(class)s_shorter_is_known"),
            models.CheckConstraint(condition=Q(codec__in=Codec.values), name="%(class)s_codec_is_known"),
            models.CheckConstraint(condition=Q(speed__in=Speed.values), name="%(class)s_speed_is_known"),
            models.CheckConstraint(condition=Q(quality__lte=WORST_QUALITY), name="%(class)s_quality_in_bounds"),
            models.CheckConstraint(
                condition=Q(excerpt__isnull=True) | Q(excerpt__gte=0.5), name="%(class)s_excerpt_is_long_enough"
            ),
        )

    @property
    def choice(self) -> Choice:
        """How it is made, to pass on."""
        return Choice.of(self)
