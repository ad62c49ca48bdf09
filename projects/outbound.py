"""Requests that leave the installation to addresses that people chose: a URL goes in, an answer of a public place comes out.

No such request reaches this machine or its network (server-side request forgery): the name is looked up once, every address
that it has must be public, and the connection goes to one of these very addresses, so that a name that means something else a
moment later changes nothing. Redirects are not followed, and everything has a limit. `PRIVATE_TARGETS` names exceptions.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import sentences, storage
from projects.errors import Refused, TooLarge

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0  # of silence
POST_SECONDS = 15.0  # all of a request that tells something
URL_LENGTH = 500
CHUNK_BYTES = 256 * 1024
UNICAST = ipaddress.ip_network("2000::/3")  # of IPv6, all that is public lies in it
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

URL_INVALID = gettext_noop("This is not an address that can be reached from here. Write one such as https://example.com/hook.")
NOT_ENCRYPTED = gettext_noop("Use an https address: what is sent there could be read on the way.")
UNKNOWN_HOST = gettext_noop("There is no host of this name. Check the address.")
NOT_PUBLIC = gettext_noop("This address is in a private network. Ask the administrator to allow it, or use a public one.")
NO_CONNECTION = gettext_noop("The connection could not be made, or broke. Check that a server answers there.")
NOT_TRUSTED = gettext_noop("The certificate of the server is not valid for this address. Renew it.")
TOO_SLOW = gettext_noop("The server did not answer in time. Let it answer at once, and work afterwards.")
LEADS_ON = gettext_noop("The server leads on to another address, which is not followed. Use the address that it leads to.")
SAYS_NO = gettext_noop("The server answered with an error. Its log says more.")
SENTENCES = {
    "url_invalid": URL_INVALID,
    "not_encrypted": NOT_ENCRYPTED,
    "unknown_host": UNKNOWN_HOST,
    "not_public": NOT_PUBLIC,
    "no_connection": NO_CONNECTION,
    "not_trusted": NOT_TRUSTED,
    "too_slow": TOO_SLOW,
    "leads_on": LEADS_ON,
    "says_no": SAYS_NO,
}


class Unreached(Refused):
    """Nothing came of a request. status: of the answer, where there was one"""

    def __init__(self, code: str, *, answered: int | None = None) -> None:
        super().__init__(code, sentences.shown(SENTENCES[code]), field="url")
        self.answered = answered


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: what was written, and the addresses that it meant when it was looked up."""

    parts: SplitResult
    host: str
    port: int
    addresses: tuple[str, ...]


def look_up(url: str) -> Target:
    """Where this leads now. Raises Unreached `url_invalid`, `not_encrypted`, `unknown_host`, `not_public`."""
    parts = _split(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreached("unknown_host") from error
    addresses = tuple(dict.fromkeys(str(place[0]) for *_kind, place in found))
    is_listed = [_is_listed(host, address) for address in addresses]
    if not all(listed or _is_public(address) for listed, address in zip(is_listed, addresses, strict=True)):
        raise Unreached("not_public")
    if parts.scheme != "https" and not all(is_listed):
        raise Unreached("not_encrypted")
    return Target(parts, host, port, addresses)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Tell a server something. Returns the status of its answer, which is one of success. Raises Unreached."""
    with _asking("POST", look_up(url), POST_SECONDS, body=body, headers=headers) as response:
        return response.status


def fetch(url: str, path: Path, *, most: int, seconds: float) -> None:
    """Bring a file under this name, which is not there yet. most: bytes. Raises Unreached, TooLarge, NoRoom."""
    with _asking("GET", look_up(url), seconds) as response:
        stated = response.getheader("Content-Length") or "0"
        if stated.isdecimal():
            _require_small(int(stated), most)
            storage.require_room(int(stated))
        count = 0
        with path.open("xb") as file:
            while piece := response.read(CHUNK_BYTES):
                count += len(piece)
                _require_small(count, most)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if response.length:  # the line broke before the end that was stated
            raise http.client.IncompleteRead(b"", response.length)


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was looked up, whatever its name means by now. until: by `time.monotonic`"""

    def __init__(self, target: Target, until: float) -> None:
        super().__init__(target.host, target.port, timeout=CONNECT_SECONDS)
        self._target, self._until = target, until
        self._line: socket.socket | None = None

    def cut(self) -> None:
        """End it whoever waits for it: one that sends a byte now and then would otherwise last for ever."""
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def connect(self) -> None:
        line = self._reach()
        line.settimeout(ANSWER_SECONDS)
        if self._target.parts.scheme == "https":
            try:
                line = ssl.create_default_context().wrap_socket(line, server_hostname=self._target.host)
            except BaseException:
                line.close()
                raise
        self.sock = self._line = line
        self._left()  # `cut` may have found no line yet, and comes only once

    def _reach(self) -> socket.socket:
        """A line to the first of its addresses that answers."""
        *others, last = self._target.addresses
        for address in others:
            with contextlib.suppress(OSError):
                return socket.create_connection((address, self._target.port), min(CONNECT_SECONDS, self._left()))
        return socket.create_connection((last, self._target.port), min(CONNECT_SECONDS, self._left()))

    def _left(self) -> float:
        """Seconds that are left. Raises TimeoutError when there are none: a name may have hundreds of addresses."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


@contextlib.contextmanager
def _asking(
    method: str, target: Target, seconds: float, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Iterator[http.client.HTTPResponse]:
    """The answer of a server, if it is one of success; the connection ends with the block, or when its time is over."""
    begun = time.monotonic()
    line = _Pinned(target, begun + seconds)
    path = target.parts.path or "/"
    path = f"{path}?{target.parts.query}" if target.parts.query else path
    watch = threading.Timer(seconds, line.cut)
    watch.daemon = True
    watch.start()
    try:
        line.request(method, path, body=body, headers={"User-Agent": "HeyGem-Studio", **(headers or {})})
        response = line.getresponse()
        if response.status >= HTTPStatus.MULTIPLE_CHOICES or response.status < HTTPStatus.OK:
            code = "leads_on" if response.status < HTTPStatus.BAD_REQUEST else "says_no"
            raise Unreached(code, answered=response.status)
        yield response
    except ssl.SSLCertVerificationError as error:
        raise Unreached("not_trusted") from error
    except TimeoutError as error:
        raise Unreached("too_slow") from error
    except (OSError, http.client.HTTPException) as error:
        raise Unreached("too_slow" if time.monotonic() - begun >= seconds else "no_connection") from error
    finally:
        watch.cancel()
        line.close()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        fits = False
    plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if not fits or not plain or len(url) > URL_LENGTH:
        raise Unreached("url_invalid")
    return parts


def _is_public(address: str) -> bool:
    """Whether it lies outside of this machine and of every private network, in whatever form it is written."""
    place: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(place, ipaddress.IPv6Address):
        inner = (place.sixtofour, *(place.teredo or ()))
        if place not in UNICAST or not all(_is_public(str(one)) for one in inner if one is not None):
            return False
    return place.is_global and not place.is_multicast and not place.is_reserved


def _is_listed(host: str, address: str) -> bool:
    """Whether the administrator has named this host, this address or its network."""
    place = ipaddress.ip_address(address.partition("%")[0])
    for named in settings.PRIVATE_TARGETS:
        if named == host:
            return True
        with contextlib.suppress(ValueError):
            if place in ipaddress.ip_network(named):
                return True
    return False


def _require_small(count: int, most: int) -> None:
    if count > most:
        text = _("The file is larger than {limit} MB. Cut it or export it smaller, then try again.")
        raise TooLarge("too_large", text.format(limit=most // 2**20), field="url")
