"""What engine and workers store in English is shown in the reader's language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from projects import claims, rendering, sentences
from projects.faults import LOSSES_ALLOWED
from projects.models import RenderJob

ERRORS = {"UnusableInput", "EnvironmentFault", "ToolFailed"}
# The platform never runs these: the command line with contact sheets and weights, the maker of the demo's take, the training.
ELSEWHERE = {"__main__.py", "sheet.py", "synthetic", "training", "command.py", "installing.py"}
CODE = re.compile(r"[a-z_]+")


def filled(node: ast.expr) -> str | None:
    """The sentence in an expression, with a value wherever one is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
    return None


def written(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions of sentences that a piece of the engine's source tells: errors, refusals kept as pairs, notices."""
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        owner = getattr(getattr(node.func, "value", None), "id", "")
        if name in ERRORS and len(node.args) > 1:
            yield node.args[1]
        elif (name, owner) == ("append", "notices"):
            yield node.args[0]
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "message")
    elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
        code = filled(node.elts[0])
        if code and CODE.fullmatch(code) and " " in (filled(node.elts[1]) or ""):
            yield node.elts[1]


@cache
def engine_sentences() -> list[str]:
    """Every sentence that the engine may tell the platform."""
    root = Path(settings.BASE_DIR) / "lipsync"
    sources = [path for path in root.rglob("*.py") if not ELSEWHERE.intersection(path.relative_to(root).parts)]
    found = [filled(told) for path in sources for node in ast.walk(ast.parse(path.read_text())) for told in written(node)]
    return sorted({sentence for sentence in found if sentence})


@pytest.mark.parametrize("sentence", engine_sentences())
def test_every_sentence_of_the_engine_is_known_and_translated(sentence: str) -> None:
    assert sentences.is_known(sentence), "add it to projects/sentences.py and translate it"
    with translation.override("zh-hans"):
        assert re.search(r"[\u4e00-\u9fff]", sentences.shown(sentence))


@pytest.mark.parametrize("sentence", [*sentences.OF_THE_ENGINE, *sentences.WITHOUT_PATHS])
def test_nothing_is_listed_that_the_engine_does_not_tell(sentence: str) -> None:
    told = sentences.pattern_of(sentence)
    assert any(told.fullmatch(text) for text in engine_sentences()), "take it out of projects/sentences.py"


def test_values_are_kept() -> None:
    error = "The face is seen in only 41% of the clip, first lost at 3.2 s. Film again with the face to the camera throughout."
    assert sentences.shown(error) == error
    with translation.override("zh-hans"):
        shown = sentences.shown(error)
    assert "41%" in shown
    assert "3.2" in shown
    assert shown != error


@pytest.mark.parametrize("template", sentences.WITHOUT_PATHS)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_path_of_the_server_is_not_shown(template: str, language: str) -> None:
    told = template.format(path="/srv/media/scratch/x", reason="Permission denied")
    with translation.override(language):
        shown = sentences.shown(told)
    assert "/srv" not in shown
    assert ("Permission denied" in shown) == ("{reason}" in template)
    assert re.search(r"\{\w+\}", shown) is None


@pytest.mark.parametrize("text", ["", "Something new.", "{count}", "100 % sure"])
def test_what_is_unknown_is_shown_as_it_is(text: str) -> None:
    with translation.override("zh-hans"):
        assert sentences.shown(text) == text


def test_a_worker_stores_english_whatever_the_servers_language(job: RenderJob) -> None:
    RenderJob.objects.filter(pk=job.pk).update(crashes=LOSSES_ALLOWED - 1)
    with translation.override("zh-hans"):
        claim = claims.claim()
        assert claim is not None
        RenderJob.objects.filter(pk=job.pk).update(lease_until="2020-01-01T00:00Z")
        assert claims.settle_lost() == 1
        job.refresh_from_db()
        assert job.error_message.startswith(f"This render was broken off {LOSSES_ALLOWED} times")
        told = job.history.get().error_message
        assert told.isascii()
        assert sentences.shown(told) != told
        assert sentences.shown(job.error_message) != job.error_message


def test_a_render_that_failed_here_is_told_in_english(job: RenderJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(size: int) -> None:
        raise rendering.storage.no_room()

    monkeypatch.setattr(rendering.storage, "require_room", full)
    with translation.override("zh-hans"):
        assert rendering.run_next()
    attempt = job.history.get()
    assert attempt.error_code == "no_space"
    assert attempt.error_message.isascii()
