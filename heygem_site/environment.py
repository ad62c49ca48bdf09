"""Reading settings: the name of an environment variable goes in, a checked value or a sentence comes out."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import time
import zoneinfo
from pathlib import Path
from urllib.parse import urlsplit

import environ  # type: ignore[import-untyped]
from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS = ("1", "true", "yes", "on")
FALSE_WORDS = ("0", "false", "no", "off", "")
WHERE = "Correct it in the environment or in .env."
MOST_DEVICES = 64
LONGEST_NAME = 200
DEVICE = r"\d+|(GPU|MIG)-[\w-]+"  # an index or an identifier, as CUDA_VISIBLE_DEVICES takes them

env = environ.Env()


def _refuse(name: str, expected: str) -> ImproperlyConfigured:
    given = os.environ.get(name, "")
    return ImproperlyConfigured(f"{name} must be {expected}, not {given!r}. {WHERE}")


def switch(name: str, *, default: bool) -> bool:
    """An on/off value."""
    word = str(env.str(name, default="on" if default else "off")).strip().lower()
    if word not in TRUE_WORDS + FALSE_WORDS:
        raise _refuse(name, "on or off")
    return word in TRUE_WORDS


def number(name: str, *, default: int, least: int, most: int) -> int:
    """A whole number within bounds."""
    try:
        value = int(env.int(name, default=default))
    except ValueError as error:
        raise _refuse(name, f"a whole number from {least} to {most}") from error
    if not least <= value <= most:
        raise _refuse(name, f"a whole number from {least} to {most}")
    return value


def words(name: str, *, default: list[str]) -> list[str]:
    """A list, separated by commas."""
    return [word.strip() for word in env.list(name, default=default) if word.strip()]


def devices(name: str) -> list[str]:
    """Names of graphics cards: a number means so many, counted from 0; a list (`0,2`, or `2,` for one) means these."""
    given = str(env.str(name, default="0")).strip()
    if given.isdecimal():
        if int(given) > MOST_DEVICES:
            raise _refuse(name, f"at most {MOST_DEVICES}, or a list of devices such as 0,1")
        return [str(number) for number in range(int(given))]
    found = [word.strip() for word in given.split(",") if word.strip()]
    if len(set(found)) < len(found) or not all(re.fullmatch(DEVICE, word) for word in found):
        raise _refuse(name, "a number of graphics cards, or a list of different devices such as 0,1")
    return found


def targets(name: str) -> list[str]:
    """Hosts: names, addresses or networks such as 10.0.0.0/8."""
    found = [word.lower() for word in words(name, default=[])]
    for word in found:
        try:
            ipaddress.ip_network(word)
        except ValueError as error:
            if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", word) or re.fullmatch(r"[\d.]+", word):
                raise _refuse(name, "names of hosts, addresses or networks such as 10.0.0.0/8, comma-separated") from error
    return found


def time_zone(name: str, *, default: str) -> str:
    """A time zone by its name in the tz database."""
    value = str(env.str(name, default=default))
    if value not in zoneinfo.available_timezones():
        raise _refuse(name, "a time zone such as Europe/Berlin")
    return value


def machine(name: str, *, default: str) -> str:
    """What a machine is called, which is part of the names of files."""
    value = str(env.str(name, default="")) or default
    if "/" in value or not value.isprintable() or len(value) > LONGEST_NAME:
        raise _refuse(name, f"a name without slashes, of {LONGEST_NAME} letters at most")
    return value


def choice(name: str, *, default: str, among: tuple[str, ...]) -> str:
    """One of some words."""
    value = str(env.str(name, default=default))
    if value not in among:
        raise _refuse(name, f"one of {', '.join(among)}")
    return value


def folder(name: str, *, default: Path) -> Path:
    """A folder, made when missing."""
    path = Path(str(env.str(name, default=str(default)))).expanduser().resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name}: the folder {path} cannot be made ({error.strerror}). Choose a folder this account may write to."
        ) from error
    return path


def existing_folder(name: str) -> Path | None:
    """A folder that is there, or none."""
    given = str(env.str(name, default=""))
    if not given:
        return None
    path = Path(given).expanduser().resolve()
    if not path.is_dir():
        raise _refuse(name, "a folder that is there")
    return path


def address(name: str, *, schemes: tuple[str, ...]) -> str:
    """The URL of a server, or nothing. What is wrong is not repeated: it may hold a password."""
    value = str(env.str(name, default=""))
    if value and urlsplit(value).scheme not in schemes:
        begins = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ImproperlyConfigured(f"{name} must be an address that begins with {begins}. {WHERE}")
    return value


def origin(name: str) -> str:
    """The http address of a server without a path, or nothing. What is wrong is not repeated: it may hold a password."""
    value = str(env.str(name, default="")).rstrip("/")
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname or value != f"{parts.scheme}://{parts.netloc}"):
        raise ImproperlyConfigured(f"{name} must be an address such as https://s3.example.com. {WHERE}")
    if "@" in parts.netloc:
        raise ImproperlyConfigured(f"{name} must not hold a name or password: there are variables of their own for them.")
    return value


def both(name: str, secret: str) -> tuple[str, str]:
    """A name and its secret, or neither."""
    given = str(env.str(name, default="")), str(env.str(secret, default=""))
    if bool(given[0]) != bool(given[1]):
        raise ImproperlyConfigured(f"{name} and {secret} belong together. Set both of them, or neither.")
    return given


def prefix(name: str) -> str:
    """The beginning of addresses, from slash to slash, or nothing."""
    value = str(env.str(name, default=""))
    if value and not re.fullmatch(r"/([\w.-]+/)+", value):
        raise _refuse(name, "the beginning of a path such as /protected/")
    return value


def secret_key(name: str, *, stored_in: Path) -> str:
    """The signing key: from the environment, else made once and kept in a file only this account reads."""
    given = str(env.str(name, default=""))
    if given:
        if len(given) < 32:
            raise ImproperlyConfigured(f"{name} must have at least 32 characters. Leave it out to have one made.")
        return given
    try:
        descriptor = os.open(stored_in, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _stored_key(stored_in)
    except OSError as error:
        raise ImproperlyConfigured(
            f"The signing key cannot be stored in {stored_in} ({error.strerror}). Set {name} or make the folder writable."
        ) from error
    key = secrets.token_urlsafe(50)
    with os.fdopen(descriptor, "w") as file:
        file.write(key)
    return key


def _stored_key(path: Path) -> str:
    for _ in range(50):  # another process may be writing it at this moment
        key = path.read_text().strip()
        if key:
            return key
        time.sleep(0.02)
    raise ImproperlyConfigured(f"{path} is empty. Delete it to have a new key made (everyone must sign in again).")
