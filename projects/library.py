"""Making what files are kept in: a name goes in, a project or a lecturer comes out."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from projects.errors import Refused
from projects.models import Project, Speaker
from projects.models.library import NAME_LENGTH

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def add_project(*, owner: User, name: str) -> Project:
    """A new project. Raises ProjectError `no_name`."""
    name = plain(name)[:NAME_LENGTH]
    if not name:
        raise Refused("no_name", _("Give the project a name."), field="name")
    return Project.objects.create(owner=owner, name=name)


def find_or_add_speaker(*, project: Project, name: str) -> Speaker:
    """The lecturer of this name, made when new. Raises ProjectError `no_name`."""
    name = speaker_name(name)
    try:
        with transaction.atomic():
            return Speaker.objects.get_or_create(project=project, name=name)[0]
    except IntegrityError:  # made by another request at this moment
        return Speaker.objects.get(project=project, name=name)


def speaker_name(name: str) -> str:
    """The name as it is kept. Raises ProjectError `no_name`."""
    name = plain(name)[:NAME_LENGTH]
    if not name:
        raise Refused("no_name", _("Give the lecturer a name."), field="speaker")
    return name


def plain(text: str) -> str:
    """Without control characters and needless space."""
    return " ".join("".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in text).split())
