"""The words of `python -m lipsync weights` and `manage.py weights`, and what they do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from lipsync.errors import EnvironmentFault, UnusableInput
from lipsync.weights import Weights, is_installed, path_of, registry, terms, verified, weights_named
from lipsync.weights.installing import Progress, install, install_own, remove, try_out

MEGABYTE = 1_000_000


def add_words(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    verbs = parser.add_subparsers(dest="what", required=True)
    verbs.add_parser("list", help="every file of weights: whether it is here, its licence, where it comes from")
    add = verbs.add_parser("install", help="bring a file of weights here: from a file of yours, or from its source")
    add.add_argument("name")
    add.add_argument("--file", type=Path, help="the file, where it was fetched already")
    add.add_argument(
        "--like", metavar="ARCHITECTURE", help="these are weights of your own for this network: wav2lip, gfpgan or fan"
    )
    add.add_argument("--licence", help="of weights of your own")
    add.add_argument("--commercial", action="store_true", help="the licence of weights of your own allows commercial use")
    check = verbs.add_parser("verify", help="compare files with what they should be: all that are here, or one")
    check.add_argument("name", nargs="?")
    gone = verbs.add_parser("remove", help="remove a file of weights")
    gone.add_argument("name")


def carry_out(chosen: argparse.Namespace, folder: Path | None = None) -> Iterator[str]:
    """Do it; gives the lines to show. Raises LipsyncError."""
    match chosen.what:
        case "list":
            yield from _listed(folder)
        case "install":
            yield from _installed(chosen, folder)
        case "verify":
            yield from _verified(chosen.name, folder)
        case _:
            found = remove(weights_named(chosen.name, folder), folder)
            yield f"{chosen.name}: removed" if found else f"{chosen.name}: was not installed"


def _listed(folder: Path | None) -> Iterator[str]:
    for one in registry(folder).values():
        size = "size unknown" if one.size is None else f"{one.size / MEGABYTE:.1f} MB"
        use = "commercial use allowed" if one.commercial_use else "NO commercial use"
        yield f"{one.name}: {_state(one, folder)}, {one.file}, {size}"
        yield f"  licence: {one.licence} ({use})"
        origin = f"from: {one.page}" if one.page else f"made by: {one.made_by or 'you'}"
        yield f"  {origin}; used by: {one.used_by}"
        yield f"  sha256: {one.sha256}"


def _state(one: Weights, folder: Path | None) -> str:
    if one.shipped:
        return "comes with the engine"
    if one.forbidden:
        return "forbidden here"
    return "installed" if is_installed(one, folder) else "not installed"


def _installed(chosen: argparse.Namespace, folder: Path | None) -> Iterator[str]:
    if chosen.like is not None:
        if chosen.file is None or not chosen.licence:
            raise UnusableInput("own_weights_untold", "Weights of your own need --file and --licence. Add them.")
        try_out(chosen.file, chosen.like)
        own = install_own(
            chosen.name, chosen.file, chosen.like, chosen.licence, commercial_use=chosen.commercial, folder=folder
        )
        yield f"{own.name}: installed as {path_of(own, folder)}, sha256 {own.sha256}"
        return
    one = weights_named(chosen.name, folder)
    yield from terms(one)
    yield f"{one.name}: installed as {install(one, chosen.file, folder, _bar(one.name))}"


def _verified(name: str | None, folder: Path | None) -> Iterator[str]:
    some = [weights_named(name, folder)] if name else [one for one in registry(folder).values() if is_installed(one, folder)]
    wrong: list[EnvironmentFault] = []
    for one in some:
        try:
            verified(one, folder)
        except EnvironmentFault as error:
            wrong.append(error)
            yield f"{one.name}: {error.message}"
        else:
            yield f"{one.name}: as it should be"
    if wrong:
        raise wrong[0]


def _bar(name: str) -> Progress:
    """A line that counts up, on a terminal."""
    shown = -1

    def show(done: int, total: int | None) -> None:
        nonlocal shown
        percent = 100 * done // total if total else done // MEGABYTE
        if sys.stderr.isatty() and percent != shown:
            shown = percent
            sys.stderr.write(f"\r\x1b[K{name} {percent}{'%' if total else ' MB'}" + ("\n" if done == total else ""))

    return show
