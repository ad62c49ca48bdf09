"""What happens when in a finished video, as the engine told it; read only where it is drawn."""

from __future__ import annotations

import json
import zlib
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from projects.models.renders import RenderOutput


class RenderOverview(models.Model):
    """The fields of `lipsync.overview.Overview` of one video.

    packed: JSON, compressed (zlib, RFC 1950) to a fifth: some 6 kB for a minute
    """

    output = models.OneToOneField(RenderOutput, on_delete=models.CASCADE, primary_key=True, related_name="overview")
    packed = models.BinaryField()

    class Meta:
        verbose_name = _("overview of a video")
        verbose_name_plural = _("overviews of videos")

    def __str__(self) -> str:
        return str(self.pk)

    @classmethod
    def pack(cls, told: dict[str, Any]) -> bytes:
        """What is stored of it."""
        return zlib.compress(json.dumps(told, separators=(",", ":")).encode())

    @property
    def told(self) -> dict[str, Any]:
        """As the engine said it."""
        found: dict[str, Any] = json.loads(zlib.decompress(bytes(self.packed)))
        return found
