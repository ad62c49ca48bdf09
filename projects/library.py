"""Making what files are kept in: a name goes in, a project or a lecturer comes out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from projects import audit
from projects.errors import Conflict, Refused
from projects.models import Project, Speaker
from projects.models.library import NAME_LENGTH

if TYPE_CHECKING:
    from django.contrib.auth.models import User

TAG_LENGTH = 30
MOST_TAGS = 20


def add_project(*, owner: User, name: str) -> Project:
    """A new project. Raises ProjectError `no_name`."""
    name = plain(name)[:NAME_LENGTH]
    if not name:
        raise Refused("no_name", _("Give the project a name."), field="name")
    with transaction.atomic():
        project = Project.objects.create(owner=owner, name=name)
        audit.record("project.made", project, by=owner)
    return project


def find_or_add_speaker(*, project: Project, name: str) -> Speaker:
    """The lecturer of this name, made when new. Raises ProjectError `no_name`."""
    name = speaker_name(name)
    try:
        with transaction.atomic():
            speaker, made = Speaker.objects.get_or_create(project=project, name=name)
            if made:
                audit.record("lecturer.added", speaker)
            return speaker
    except IntegrityError:  # made by another request at this moment
        return Speaker.objects.get(project=project, name=name)


def change_speaker(*, speaker: Speaker, by: User, name: str | None = None, tags: Iterable[str] | None = None) -> None:
    """Call a lecturer otherwise, give them other tags; what is None stays.

    Raises ProjectError `no_name`, `lecturer_name_taken`, `too_many_tags`; then nothing is changed.
    """
    before, after = speaker.name, speaker.name if name is None else speaker_name(name, field="name")
    kept = speaker.tags if tags is None else _tags(tags)
    try:
        with transaction.atomic():
            Speaker.objects.filter(pk=speaker.pk).update(name=after, tags=kept)
            speaker.name, speaker.tags = after, kept
            if after != before:
                audit.record("lecturer.renamed", speaker, by=by, before=before)
    except IntegrityError as error:
        text = _("Another lecturer of this project is called so already. Choose another name.")
        raise Conflict("lecturer_name_taken", text, field="name") from error


def _tags(tags: Iterable[str]) -> list[str]:
    """Each once whatever its case, in the order given. Raises ProjectError `too_many_tags`."""
    kept: dict[str, str] = {}
    for tag in (plain(tag)[:TAG_LENGTH] for tag in tags):
        kept.setdefault(tag.casefold(), tag)
    kept.pop("", None)
    if len(kept) > MOST_TAGS:
        text = _("A lecturer has at most {most} tags. Leave some out.")
        raise Refused("too_many_tags", text.format(most=MOST_TAGS), field="tags")
    return list(kept.values())


def speaker_name(name: str, *, field: str = "speaker") -> str:
    """The name as it is kept. field: in which it was given. Raises ProjectError `no_name`."""
    name = plain(name)[:NAME_LENGTH]
    if not name:
        raise Refused("no_name", _("Give the lecturer a name."), field=field)
    return name


def plain(text: str) -> str:
    """Without control characters and needless space."""
    return " ".join("".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in text).split())
