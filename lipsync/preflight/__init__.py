"""Judging a take before any render: evidence goes in, the preflight card comes out."""

from lipsync.preflight.card import Card, Figures, Finding, LoopPoints, Series, Severity, Span, Verdict, card_in_words
from lipsync.preflight.evidence import Evidence
from lipsync.preflight.findings import MEDIA, judge
from lipsync.preflight.moments import Moment, MomentKeeper, Picture
from lipsync.preflight.strip import draw_strip, save_strip

__all__ = [
    "MEDIA",
    "Card",
    "Evidence",
    "Figures",
    "Finding",
    "LoopPoints",
    "Moment",
    "MomentKeeper",
    "Picture",
    "Series",
    "Severity",
    "Span",
    "Verdict",
    "card_in_words",
    "draw_strip",
    "judge",
    "save_strip",
]
