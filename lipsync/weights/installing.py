"""Brings weights to this machine and takes them away. A file gets its name only once its content is what it should be."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from lipsync.errors import EnvironmentFault, UnusableInput
from lipsync.machine import writing_to
from lipsync.version import file_digest
from lipsync.weights import HOME, Weights, add_own, forget_own, missing, path_of, registry, weights_folder

CHUNK_BYTES = 2**20
PATIENCE_SECONDS = 30.0
PART = ".part"
REFUSED = 3

Progress = Callable[[int, int | None], None]
"""Told how many bytes are there, and of how many, where that is known."""


def _nobody(done: int, total: int | None) -> None:
    """Tells nobody."""


def install(weights: Weights, source: Path | None = None, folder: Path | None = None, progress: Progress = _nobody) -> Path:
    """Copy the file from `source`, else fetch it from its address, going on where an earlier try ended.

    Returns where it lies. Raises UnusableInput (`unreadable`, `wrong_weights`), EnvironmentFault (`no_address`,
    `cannot_fetch`, `licence_forbidden`, `not_writable`, `no_space`).
    """
    if weights.shipped:
        return path_of(weights)
    if weights.forbidden:
        raise EnvironmentFault(
            "licence_forbidden",
            f"This installation does not use weights under the licence of {weights.name} (LIPSYNC_FORBIDDEN_LICENCES).",
        )
    place = path_of(weights, folder)
    part = place.with_name(place.name + PART)
    with writing_to(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
    if source is None:
        _fetch(weights, part, progress)
    else:
        _copy(source, part, progress)
    if file_digest(part) != weights.sha256:
        part.unlink()
        raise UnusableInput(
            "wrong_weights",
            f"The file is not that of the weights {weights.name}: its content differs. Get it again from {weights.page}.",
        )
    with writing_to(place.parent):
        part.replace(place)
    return place


def install_own(
    name: str, source: Path, like: str, licence: str, *, commercial_use: bool, folder: Path | None = None
) -> Weights:
    """Install weights of one's own for a known architecture; what they are is noted with them, also their digest.

    like: the architecture. Raises UnusableInput (`name_taken`, `unknown_architecture`, `unreadable`) and as `install`.
    """
    folder = folder or weights_folder()
    known = registry(folder)
    architectures = {one.architecture: one.used_by for one in known.values() if one.architecture}
    if like not in architectures:
        raise UnusableInput(
            "unknown_architecture", f"{like} is no network of this engine. Choose one of: {', '.join(architectures)}."
        )
    if name in known or not name.isidentifier():
        raise UnusableInput(
            "name_taken", f"{name} cannot be the name of weights of your own. Choose another, of letters and _."
        )
    if not source.is_file():
        raise UnusableInput("unreadable", f"{source} is not a file. Check its name.")
    digest, size = file_digest(source), source.stat().st_size
    weights = Weights(name, f"{name}{source.suffix}", digest, licence, commercial_use, architectures[like], like, size)
    install(weights, source, folder)
    add_own(weights, folder)
    return weights


def try_out(source: Path, like: str) -> None:
    """Refuse weights of one's own that the network cannot be filled with; where torch is missing they are taken as they are.

    Raises UnusableInput (`wrong_weights`).
    """
    if find_spec("torch") is None or not source.is_file():
        return
    command = [sys.executable, "-m", "lipsync.networks.trial", like, str(source.resolve())]
    done = subprocess.run(command, cwd=HOME.parents[1], capture_output=True, text=True, check=False)
    if done.returncode == REFUSED:
        raise UnusableInput("wrong_weights", f"{source.name} cannot be used as {like}. {done.stderr.strip().splitlines()[-1]}")


def remove(weights: Weights, folder: Path | None = None) -> bool:
    """Remove an installed file and what is left of a try to install it. Whether there was any.

    Raises UnusableInput (`shipped_weights`), EnvironmentFault (`not_writable`).
    """
    if weights.shipped:
        raise UnusableInput("shipped_weights", f"The weights {weights.name} belong to the engine and stay.")
    place = path_of(weights, folder)
    found = False
    with writing_to(place.parent):
        for path in (place, place.with_name(place.name + PART)):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                found = True
    forget_own(weights.name, folder or weights_folder())
    return found


def _copy(source: Path, part: Path, progress: Progress) -> None:
    try:
        with source.open("rb") as file:
            total = os.fstat(file.fileno()).st_size
            _write(part, iter(lambda: file.read(CHUNK_BYTES), b""), total, progress)
    except OSError as error:
        raise UnusableInput("unreadable", f"{source} cannot be read ({error.strerror}). Check its name.") from error


def _fetch(weights: Weights, part: Path, progress: Progress) -> None:
    """Append to `part` what it lacks; begin anew where the server cannot go on in the middle."""
    if weights.address is None:
        raise EnvironmentFault("no_address", missing(weights).message)
    there = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(weights.address, headers={"Range": f"bytes={there}-"} if there else {})  # noqa: S310 - of the registry
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - as above
            goes_on = answer.status == http.HTTPStatus.PARTIAL_CONTENT
            length = answer.headers.get("Content-Length")
            total = int(length) + (there if goes_on else 0) if length else weights.size
            got = _write(part, iter(lambda: answer.read(CHUNK_BYTES), b""), total, progress, go_on=goes_on)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # all of it is there
        raise _cannot_fetch(weights, str(error)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _cannot_fetch(weights, str(getattr(error, "reason", error))) from error
    if total is not None and got < total:
        raise _cannot_fetch(weights, "the connection ended early")


def _write(part: Path, chunks: Iterator[bytes], total: int | None, progress: Progress, *, go_on: bool = False) -> int:
    """Write chunks to the file, or append them. Returns how many bytes it has then."""
    with writing_to(part.parent):
        made = part.open("ab" if go_on else "wb")
    with made:
        for chunk in chunks:  # what fails to come is no fault of the disk
            with writing_to(part.parent):
                made.write(chunk)
            progress(made.tell(), total)
        with writing_to(part.parent):
            made.flush()
            os.fsync(made.fileno())
        return made.tell()


def _cannot_fetch(weights: Weights, why: str) -> EnvironmentFault:
    return EnvironmentFault(
        "cannot_fetch",
        f"The weights {weights.name} could not be fetched ({why}). What has arrived is kept: run the same command again to go "
        f"on, or bring the file from {weights.page} and name it with --file.",
    )
