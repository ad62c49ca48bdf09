"""Files of weights: which there are, under which licence, which of them lie on this machine, and whether they may be used.

Those that come with the engine lie in this folder. The published ones do not: somebody has to install them, into a folder
of their own (`LIPSYNC_WEIGHTS`), see `weights.installing`. It loads nothing heavy: the platform asks here as well.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lipsync.errors import EnvironmentFault, UnusableInput
from lipsync.machine import writing_to
from lipsync.version import file_digest

HOME = Path(__file__).parent
NON_COMMERCIAL = "non-commercial"
# Weights of the administrator's own, beside their files.
OWN_REGISTRY = "registry.json"


@dataclass(frozen=True, slots=True)
class Weights:
    """One file of weights.

    architecture: the network it is for; empty for those that the default engine reads
    size: bytes, None where nobody has said; sha256: hexadecimal, of the file as published
    page: where its authors tell of it; address: where the file itself is, None where only the page leads to it
    shipped: it comes with the engine
    """

    name: str
    file: str
    sha256: str
    licence: str
    commercial_use: bool
    used_by: str
    architecture: str = ""
    size: int | None = None
    page: str = ""
    address: str | None = None
    made_by: str = ""
    shipped: bool = False

    @property
    def forbidden(self) -> bool:
        """Whether the administrator allows no weights under such a licence."""
        words = forbidden_licences()
        return any(word in self.licence.lower() for word in words) or (NON_COMMERCIAL in words and not self.commercial_use)


def registry(folder: Path | None = None) -> dict[str, Weights]:
    """Every file of weights that is known, by its name; those of the administrator's own in `folder` too."""
    return _published() | _own(folder or weights_folder())


def weights_named(name: str, folder: Path | None = None) -> Weights:
    """Raises UnusableInput (`unknown_weights`)."""
    known = registry(folder)
    if name not in known:
        raise UnusableInput("unknown_weights", f"There are no weights named {name}. Choose one of: {', '.join(known)}.")
    return known[name]


def weights_folder() -> Path:
    """Where weights are installed: `LIPSYNC_WEIGHTS`, else the user's folder for programs' data."""
    told = os.environ.get("LIPSYNC_WEIGHTS")
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(told) if told else Path(home) / "heygem-studio" / "weights"


def forbidden_licences() -> set[str]:
    """Words of `LIPSYNC_FORBIDDEN_LICENCES`, separated by commas: parts of licences, or `non-commercial` for all such."""
    told = os.environ.get("LIPSYNC_FORBIDDEN_LICENCES", "")
    return {word for part in told.lower().split(",") if (word := part.strip())}


def terms(weights: Weights) -> list[str]:
    """What whoever uses them must know of their licence; nothing where it allows any use."""
    notices: list[str] = []
    if not weights.commercial_use:
        notices.append(f"The weights {weights.name} may not be used commercially. Their licence: {weights.licence}.")
    return notices


def path_of(weights: Weights, folder: Path | None = None) -> Path:
    """Where the file lies, or would."""
    return (HOME if weights.shipped else folder or weights_folder()) / weights.file


def is_installed(weights: Weights, folder: Path | None = None) -> bool:
    """Whether the file is there and as long as it should be."""
    try:
        length = path_of(weights, folder).stat().st_size
    except OSError:
        return False
    return weights.size in (None, length)


def usable(architecture: str, folder: Path | None = None) -> list[Weights]:
    """The installed weights of an architecture that may be used, in the registry's order."""
    found = (one for one in registry(folder).values() if one.architecture == architecture)
    return [one for one in found if not one.forbidden and is_installed(one, folder)]


def chosen(architecture: str, name: str = "", folder: Path | None = None) -> Weights:
    """The weights asked for by name, or the first that may be used.

    Raises UnusableInput (`unknown_weights`), EnvironmentFault (`weights_missing`, `licence_forbidden`).
    """
    named = [weights_named(name, folder)] if name else []
    if named and named[0].architecture != architecture:
        raise UnusableInput("unknown_weights", f"The weights {name} are not for {architecture}. Choose others.")
    candidates = named or [one for one in registry(folder).values() if one.architecture == architecture]
    allowed = [one for one in candidates if not one.forbidden]
    if not allowed:
        raise EnvironmentFault(
            "licence_forbidden",
            f"This installation does not use weights under the licence of {architecture}. Choose another engine.",
        )
    for one in allowed:
        if is_installed(one, folder):
            return one
    raise missing(allowed[0])


def missing(weights: Weights) -> EnvironmentFault:
    """That they are not installed, and what to do."""
    how = weights.name if weights.address else f"{weights.name} --file FILE, with the file from {weights.page}"
    return EnvironmentFault(
        "weights_missing", f"The weights {weights.name} are not installed. Run: manage.py weights install {how}."
    )


def verified(weights: Weights, folder: Path | None = None) -> Path:
    """Their file, once its content has been compared with its digest. Raises EnvironmentFault (`weights_damaged`)."""
    path = path_of(weights, folder)
    try:
        digest = file_digest(path)
    except OSError as error:
        raise missing(weights) from error
    if digest != weights.sha256:
        raise EnvironmentFault(
            "weights_damaged",
            f"The file of the weights {weights.name} is not what it should be. "
            f"Run: manage.py weights remove {weights.name}, then install it again.",
        )
    return path


def add_own(weights: Weights, folder: Path) -> None:
    """Note weights of the administrator's own. Raises EnvironmentFault (`not_writable`, `no_space`)."""
    _write_own(folder, [*(one for one in _own(folder).values() if one.name != weights.name), weights])


def forget_own(name: str, folder: Path) -> None:
    """The opposite; nothing where they are not noted."""
    kept = _own(folder)
    if kept.pop(name, None) is not None:
        _write_own(folder, kept.values())


@cache
def _published() -> dict[str, Weights]:
    return _read(HOME / "registry.json")


def _own(folder: Path) -> dict[str, Weights]:
    path = folder / OWN_REGISTRY
    return _read(path) if path.is_file() else {}


def _read(path: Path) -> dict[str, Weights]:
    try:
        entries: list[dict[str, Any]] = json.loads(path.read_text())
        return {entry["name"]: Weights(**entry) for entry in entries}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EnvironmentFault(
            "registry_unreadable", f"{path} cannot be read. Remove it, then install your own weights again."
        ) from error


def _write_own(folder: Path, entries: Iterable[Weights]) -> None:
    fields = ("name", "file", "sha256", "licence", "commercial_use", "used_by", "architecture", "size")
    part = folder / f"{OWN_REGISTRY}.part"
    with writing_to(folder):
        part.write_text(json.dumps([{name: getattr(one, name) for name in fields} for one in entries], indent=2) + "\n")
        part.replace(folder / OWN_REGISTRY)
