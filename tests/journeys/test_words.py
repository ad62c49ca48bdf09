"""Times, states, figures and translations in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone, translation

from projects.models import Stage, Status
from projects.pages import figures, grades, telling
from projects.templatetags import pages

CHINESE = Path(settings.LOCALE_PATHS[0]) / "zh_Hans" / "LC_MESSAGES" / "django.po"


@pytest.mark.parametrize(("seconds", "words"), [(None, ""), (0, "0:00"), (59.6, "1:00"), (75.2, "1:15"), (3675, "1:01:15")])
def test_a_clock(seconds: float | None, words: str) -> None:
    assert pages.clock(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (1, "about 5 seconds"),
        (32, "about 30 seconds"),
        (58, "about 1 minute"),
        (170, "about 3 minutes"),
        (7300, "about 2 h 2 min"),
    ],
)
def test_a_guess_sounds_no_more_exact_than_it_is(seconds: float | None, words: str) -> None:
    assert pages.about(seconds) == words


def test_a_moment_of_another_day_has_its_date() -> None:
    now = timezone.now().replace(hour=12, minute=5)
    assert pages.moment(now) == "12:05 p.m."
    assert "2026" in pages.moment(now.replace(year=2026, month=1, day=2))


@pytest.mark.parametrize("stage", [*Stage.values, "unheard of"])
def test_every_stage_has_words(stage: str) -> None:
    assert telling.stage_words(stage)


def test_every_state_has_a_shape_of_its_own() -> None:
    shapes = {pages.state_icon(status) for status in Status.values}
    assert len(shapes) == len(Status.values)


@pytest.mark.parametrize(("value", "verdict"), [(0.9, "good"), (0.5, "fair"), (0.1, "poor")])
def test_a_figure_is_judged(value: float, verdict: str) -> None:
    (figure,) = figures.in_words({"aperture_followed": value})
    assert figure.verdict == verdict


@pytest.mark.parametrize(("value", "verdict"), [(0.9, "good"), (1.8, "fair"), (3.0, "poor")])
def test_more_flicker_is_worse(value: float, verdict: str) -> None:
    (figure,) = figures.in_words({"flicker": value})
    assert figure.verdict == verdict


def test_a_weak_moment_says_its_worst() -> None:
    rows = {"step": 2.0, "sync": [80, 50, 35, 90], "sharpness": [100] * 4, "flicker": [240, 100, 100, None]}
    assert grades.weak_moments(rows) == [
        grades.Moment(0.0, 2.0, "The lips flicker (240 %)"),
        grades.Moment(2.0, 6.0, "The mouth hardly follows (35 %)"),
    ]
    assert grades.weak_moments(None) == [] and grades.lanes(None) == ()


def test_what_was_not_measured_or_is_not_known_is_not_told() -> None:
    assert figures.in_words({"sharpness": None, "sound_match": 3.0}) == []


def test_every_sentence_is_translated() -> None:
    text = CHINESE.read_text(encoding="utf-8")
    assert "#, fuzzy" not in text
    assert not re.search(r'msgstr(\[0\])? ""\n(?!")', text)


def test_the_compiled_translation_is_in_use() -> None:
    with translation.override("zh-hans"):
        assert telling.stage_words("render") == "生成画面"
