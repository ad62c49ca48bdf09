"""Frozen dataclasses of arrays to a file and back, without running anything that the file says.

Nested dataclasses, arrays, numbers, text and None are stored under dotted names in one NumPy archive.
"""

from __future__ import annotations

import dataclasses
import types
import typing
import zipfile
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

Kind = TypeVar("Kind")


def save(path: Path, value: Any) -> None:
    """Write a dataclass. Raises TypeError for a field of a kind that is not known here."""
    with path.open("wb") as file:
        np.savez(file, **_flat(value, ""))


def load(path: Path, kind: type[Kind]) -> Kind:
    """Read what `save` wrote of this kind. Raises ValueError or OSError when the file is not that."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            parts = {name: archive[name] for name in archive.files}
        return typing.cast(Kind, _built(kind, parts, ""))
    except (KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path.name} does not hold a {kind.__name__}") from error


def _flat(value: Any, prefix: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        name, part = f"{prefix}{field.name}", getattr(value, field.name)
        if dataclasses.is_dataclass(part):
            flat |= _flat(part, f"{name}.")
        elif isinstance(part, np.ndarray | int | float | str | bool):
            flat[name] = np.asarray(part)
        elif part is not None:
            raise TypeError(f"{name} is a {type(part).__name__}, which cannot be stored")
    return flat


def _built(kind: Any, parts: dict[str, Any], prefix: str) -> Any:
    hints = typing.get_type_hints(kind)
    return kind(**{field.name: _part(hints[field.name], parts, f"{prefix}{field.name}") for field in dataclasses.fields(kind)})


def _part(hint: Any, parts: dict[str, Any], name: str) -> Any:
    if isinstance(hint, types.UnionType):
        hint = next(choice for choice in typing.get_args(hint) if choice is not type(None))
        if name not in parts and not any(other.startswith(f"{name}.") for other in parts):
            return None
    if dataclasses.is_dataclass(hint):
        return _built(hint, parts, f"{name}.")
    value = parts[name]
    return hint(value.item()) if hint in (int, float, str, bool) else value
