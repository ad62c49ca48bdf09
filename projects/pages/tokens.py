"""The colours, sizes and spaces of static/css/tokens.css, read from it, with the contrast of every pair that is used for text.

Contrast as in WCAG 2.2, "contrast ratio" and "relative luminance".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders

THEMES = ("light", "dark")
TEXT, SIGN = 4.5, 3.0  # least contrast of letters, and of edges and signs (WCAG 2.2, 1.4.3 and 1.4.11)
# What stands on what.
PAIRS = (
    *((front, back, TEXT) for front in ("text", "text-quiet", "accent", "bad") for back in ("ground", "surface", "sunken")),
    *((front, back, TEXT) for front in ("good", "warning") for back in ("ground", "surface")),
    *(("text", f"{kind}-soft", TEXT) for kind in ("accent", "good", "warning", "bad")),
    *((kind, f"{kind}-soft", TEXT) for kind in ("accent", "good", "warning", "bad")),
    *(("on-accent", back, TEXT) for back in ("accent", "accent-strong")),
    ("on-stage", "stage", TEXT),
    *(("edge", back, SIGN) for back in ("ground", "surface")),
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Something on something. ratios: by theme, light first; least: what it must have"""

    front: str
    back: str
    ratios: tuple[float, float]
    least: float

    @property
    def is_enough(self) -> bool:
        """Whether it can be read in both themes."""
        return min(self.ratios) >= self.least


@cache
def values() -> Mapping[str, str]:
    """Each token's value as it stands in the file, the last one counting: `light-dark(...)` where there is one."""
    found = finders.find("css/tokens.css")
    text = Path(str(found)).read_text(encoding="utf-8")
    return {name: " ".join(value.split()) for name, value in re.findall(r"--([\w-]+):\s*([^;]+);", text.partition("@media")[0])}


def names(*kinds: str) -> list[str]:
    """The tokens whose names begin with one of these."""
    return [name for name in values() if name.startswith(kinds)]


def colour(name: str, theme: str) -> str:
    """The colour behind a token, as #rrggbb. Raises KeyError where there is no such token"""
    value = values()[name]
    if value.startswith("var("):
        return colour(value[6:-1], theme)
    if value.startswith("light-dark("):
        value = value[11:-1].split(", ")[THEMES.index(theme)]
    digits = value.lstrip("#")
    return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))


def contrast(front: str, back: str) -> float:
    """How much two colours, as #rrggbb, differ: 1 to 21."""
    darker, lighter = sorted((_luminance(front), _luminance(back)))
    return (lighter + 0.05) / (darker + 0.05)


def pairs() -> list[Pair]:
    """Every pair that is used, measured."""
    return [
        Pair(front, back, (_ratio(front, back, "light"), _ratio(front, back, "dark")), least) for front, back, least in PAIRS
    ]


def _ratio(front: str, back: str, theme: str) -> float:
    return contrast(colour(front, theme), colour(back, theme))


def _luminance(value: str) -> float:
    parts = (int(value[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
