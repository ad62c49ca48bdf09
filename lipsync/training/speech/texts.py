"""Sentences in a hundred languages: the translation catalogues of Django and of the system's packages.

Django's come with the platform; those under /usr/share/locale (the package iso-codes and whatever else is installed) add
languages and longer sentences. Compiled catalogues (.mo, GNU gettext) are read.
"""

from __future__ import annotations

import gettext
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

SYSTEM = Path("/usr/share/locale")
ENGLISH = "en"
CANDIDATES, SENTENCES = 6000, 2000
"""As many of a language's sentences are looked at, and kept."""
FEWEST = 60
LONGEST = 220
SHORTEST_TEXT, LONGEST_TEXT = 45, 110
WIDE = 3
"""An ideograph or a syllable of Hangul counts as so many letters."""
PURE = 0.8
"""Share of a sentence's letters that belong to the language's own script."""
TAG = re.compile(r"<[^>]*>|&\w+;")
PLACEHOLDER = re.compile(
    r"%\([^)]*\)[-#0-9.]*[a-zA-Z]?|%[-#0-9.]*l*[a-zA-Z0-9]|\{[^}]*\}|\$\w+|\S*(?:://|@)\S+|\S*[/\\]\S*|(?<!\S)--?\w\S*"
)
QUOTE = re.compile(r"(?<!\w)['‘’‚‹›]+|['‘’‚‹›]+(?!\w)")
MARKUP = re.compile(r"[{}\[\]()|\\_*&^~`\"=<>#+/$@«»„“”]+")
ONE_SCRIPT = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "KATAKANA-HIRAGANA": "CJK", "HANGUL": "CJK", "BOPOMOFO": "CJK"}


def sentences_by_language() -> dict[str, list[str]]:
    """Language (two or three letters; en: the catalogues' own) -> sentences without markup, in a fixed order."""
    found: dict[str, set[str]] = {}
    for path in catalogues():
        locale = path.parent.parent.name
        if "@" in locale or "Latn" in locale:
            continue
        for source, translation in _pairs(path):
            found.setdefault(ENGLISH, set()).add(source)
            if translation != source:
                found.setdefault(re.split(r"[_.]", locale)[0], set()).add(translation)
    kept = {language: _chosen(language, sentences) for language, sentences in sorted(found.items())}
    return {language: sentences for language, sentences in kept.items() if len(sentences) >= FEWEST}


def catalogues() -> Iterator[Path]:
    """All compiled catalogues: Django's, which is looked for without importing it, and the system's."""
    package = find_spec("django")
    for place in (package.submodule_search_locations or []) if package else []:
        yield from sorted(Path(place).glob("**/locale/*/LC_MESSAGES/*.mo"))
    yield from sorted(SYSTEM.glob("*/LC_MESSAGES/*.mo"))


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    try:
        with path.open("rb") as file:
            catalogue = vars(gettext.GNUTranslations(file))["_catalog"]
    except (OSError, UnicodeDecodeError, ValueError, LookupError):
        return  # broken or in a strange encoding; there are thousands of others
    for key, translation in catalogue.items():
        source = (key[0] if isinstance(key, tuple) else key).split("\x04")[-1]
        if source and isinstance(translation, str) and len(source) <= LONGEST and len(translation) <= LONGEST:
            yield source, translation


def _chosen(language: str, sentences: Iterable[str]) -> list[str]:
    ordered = sorted(sentences)
    random.Random(language).shuffle(ordered)  # noqa: S311 - a choice of texts, no secret
    cleaned = list(dict.fromkeys(text for text in map(clean, ordered[:CANDIDATES]) if text))
    if not cleaned:
        return []
    own = Counter(script for text in cleaned[:300] for script in map(_script, text) if script).most_common(1)[0][0]
    return [text for text in cleaned if _share(text, own) >= PURE][:SENTENCES]


def clean(message: str) -> str:
    """A message as it would be read aloud; empty when nothing much is left."""
    text = PLACEHOLDER.sub(" ", TAG.sub(" ", message).replace("_", "").replace("&", ""))
    text = " ".join(QUOTE.sub(" ", MARKUP.sub(" ", text)).split())
    text = re.sub(r"\s+([,.;:!?])", r"\1", text).strip(" ,;:-.'")
    letters = sum(_script(letter) is not None for letter in text)
    return text if letters >= 3 and letters > 0.6 * len(text) else ""


@cache
def _script(letter: str) -> str | None:
    """LATIN, DEVANAGARI ...; None: no letter. Marks count as letters of their script."""
    if unicodedata.category(letter)[0] not in "LM":
        return None
    name = unicodedata.name(letter, "UNKNOWN").split(" ")[0]
    return ONE_SCRIPT.get(name, name)


def _share(text: str, script: str) -> float:
    scripts = [found for found in map(_script, text) if found and found != "COMBINING"]
    return sum(found == script for found in scripts) / max(1, len(scripts))


def length(text: str) -> int:
    """Letters, where one that stands for a whole syllable counts WIDE."""
    return sum(WIDE if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def draw(sentences: list[str], random_source: np.random.Generator) -> str:
    """SHORTEST_TEXT to LONGEST_TEXT letters: sentences joined, and cut between words."""
    text = sentences[random_source.integers(len(sentences))]
    while length(text) < SHORTEST_TEXT:
        mark = (", ", ". ")[random_source.integers(2)]
        text += mark + sentences[random_source.integers(len(sentences))]
    if length(text) <= LONGEST_TEXT:
        return text
    kept = ""
    for letter in text:
        if length(kept) >= LONGEST_TEXT:
            break
        kept += letter
    words = kept.rsplit(" ", 1)[0]
    return words if length(words) >= SHORTEST_TEXT else kept
