"""Where this person's token is kept: a file that nobody else may read, in the folder for settings."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from heygem_client.connection import Connection, checked
from heygem_client.errors import NotAllowed, Refused, StudioError

URL_VARIABLE, TOKEN_VARIABLE = "HEYGEM_URL", "HEYGEM_TOKEN"
NAME_LENGTH = 60
HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Where, and with which token, which never appears in what is printed of this."""

    url: str
    token: str

    def __repr__(self) -> str:
        return f"SignedIn({self.url!r})"


def sign_in(url: str, user: str, password: str, *, transport: httpx.BaseTransport | None = None) -> SignedIn:
    """A new token for name and password. Raises StudioError."""
    connection = Connection(url, "", transport=transport)
    try:
        name = {"name": f"heygem on {socket.gethostname()}"[:NAME_LENGTH]}  # to know it again on the account page
        answer = connection.ask("POST", "tokens/", auth=httpx.BasicAuth(user, password), json=name, again=False)
        return SignedIn(connection.url, str(answer.json()["token"]))
    except NotAllowed as error:
        raise NotAllowed(error.code, "This name and password are not known there. Check both.") from error
    except (ValueError, KeyError) as error:
        raise StudioError("not_a_studio", f"{url} did not answer as a HeyGem Studio does. Check the address.") from error
    finally:
        connection.close()


def require_valid(who: SignedIn, *, transport: httpx.BaseTransport | None = None) -> None:
    """Ask the studio whether it knows the token. Raises StudioError."""
    connection = Connection(who.url, who.token, transport=transport)
    try:
        connection.get("projects/")
    finally:
        connection.close()


def keep(who: SignedIn) -> Path:
    """Store it for the next commands. Returns where. Raises Refused."""
    path = _file()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump({"url": who.url, "token": who.token}, file)
        part.replace(path)
    except OSError as error:
        raise Refused("token_not_stored", f"The token cannot be stored in {path} ({error.strerror}).") from error
    return path


def kept(environment: Mapping[str, str] = os.environ) -> SignedIn:
    """From HEYGEM_URL and HEYGEM_TOKEN, else what was stored. Raises NotAllowed `not_signed_in`."""
    url, token = environment.get(URL_VARIABLE, ""), environment.get(TOKEN_VARIABLE, "")
    if url and token:
        return SignedIn(checked(url), token)
    try:
        told = json.loads(_file().read_text(encoding="utf-8"))
        who = SignedIn(str(told["url"]), str(told["token"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = f"Nobody is signed in. Run: heygem login http://127.0.0.1:7860, or set {URL_VARIABLE} and {TOKEN_VARIABLE}."
        raise NotAllowed("not_signed_in", text) from error
    if url and checked(url) != who.url:
        raise NotAllowed("not_signed_in", f"The stored token is for {who.url}. Sign in at {url}, or set {TOKEN_VARIABLE} too.")
    return who


def forget() -> bool:
    """Remove what was stored. Returns whether there was something."""
    there = _file().exists()
    _file().unlink(missing_ok=True)
    return there


def travels_open(url: str) -> bool:
    """Whether passwords and tokens go there readable for whoever is on the way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in HERE


def _file() -> Path:
    if sys.platform == "win32":
        root = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    else:
        root = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return root / "heygem" / "signed-in.json"
