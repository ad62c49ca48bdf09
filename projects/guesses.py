"""The brake on guessing passwords: a name and an address go in; nothing, or the time to wait, comes out.

After some wrong passwords for one name from one address, and after more for any names from that address, every further
one costs a longer wait, during which the right password is refused too. Nobody can lock out a person elsewhere.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import math
import time
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from rest_framework.throttling import BaseThrottle

from projects import audit
from projects.errors import ProjectError

SAME_NAME_ALLOWED = 5
SAME_ADDRESS_ALLOWED = 30  # a whole office may come from one address
FIRST_WAIT_SECONDS = 60
LONGEST_WAIT_SECONDS = 15 * 60
FORGOTTEN_AFTER_SECONDS = 3600
LETTERS_TO_ONE, LETTERS_FROM_ONE = 3, 20  # links to new passwords that may be asked for an address, and from one, an hour
IPV6_PREFIX = 64  # what one customer usually has

logger = logging.getLogger(__name__)


class TooManyGuesses(ProjectError):
    """Too many wrong passwords. wait: whole seconds"""

    status = 429

    def __init__(self, wait: int, message: str = "") -> None:
        super().__init__("too_many_guesses", message or _sentence(wait))
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Brake:
    """One count of attempts, kept as (attempts, the time of the next one)."""

    key: str
    allowed: int

    def wait(self) -> float:
        """Seconds until another attempt is allowed."""
        return self._read()[1] - time.time()

    def add(self) -> int:
        """Count an attempt. Returns the seconds that the next one must wait."""
        count = self._read()[0] + 1
        beyond = count - self.allowed
        pause = min(FIRST_WAIT_SECONDS * 2 ** min(beyond, 10), LONGEST_WAIT_SECONDS) if beyond >= 0 else 0
        self._write(count, time.time() + pause)
        return pause

    def take_back(self) -> None:
        """Uncount an attempt that was none."""
        self._write(max(0, self._read()[0] - 1), 0.0)

    def release(self) -> None:
        """Forget all attempts."""
        cache.delete(self.key)

    def _read(self) -> tuple[int, float]:
        stored: tuple[int, float] = cache.get(self.key, (0, 0.0))
        return stored

    def _write(self, count: int, until: float) -> None:
        cache.set(self.key, (count, until), FORGOTTEN_AFTER_SECONDS)


def count(request: HttpRequest, username: str) -> None:
    """Count an attempt, before the password is looked at: many at the same moment shall not slip through.

    Raises TooManyGuesses when it comes too early; then it is not counted.
    """
    brakes = _brakes(request, username)
    wait = math.ceil(max(brake.wait() for brake in brakes))
    if wait > 0:
        raise TooManyGuesses(wait)
    pause = max([brake.add() for brake in brakes])  # all of them count, whatever the first says
    if pause:
        logger.warning("the next sign-in must wait: many attempts for one name or from %s", address_of(request))
        for person in get_user_model().objects.filter(username__iexact=username):
            audit.record("account.held", person, seconds=pause)


def count_letter(request: HttpRequest, email: str) -> None:
    """Count a request for a link by mail. Raises TooManyGuesses when there were many for this address, or from one place."""
    to = hashlib.sha256(email.strip().casefold().encode(errors="replace")).hexdigest()
    origin = hashlib.sha256(address_of(request).encode()).hexdigest()
    brakes = (Brake(f"letters-to-{to}", LETTERS_TO_ONE), Brake(f"letters-from-{origin}", LETTERS_FROM_ONE))
    wait = math.ceil(max(brake.wait() for brake in brakes))
    if wait > 0:
        text = _("Many links were asked for already. Wait {minutes} minutes, then try again.")
        raise TooManyGuesses(wait, text.format(minutes=math.ceil(wait / 60)))
    for brake in brakes:
        brake.add()


def forgive(request: HttpRequest, username: str) -> None:
    """The password was right: forget the name's attempts, and do not hold this one against the address."""
    name, address = _brakes(request, username)
    name.release()
    address.take_back()


def _brakes(request: HttpRequest, username: str) -> tuple[Brake, Brake]:
    address = address_of(request)
    name = hashlib.sha256(f"{username.casefold()}\0{address}".encode(errors="replace")).hexdigest()
    return (
        Brake(f"guesses-name-{name}", SAME_NAME_ALLOWED),
        Brake(f"guesses-address-{hashlib.sha256(address.encode()).hexdigest()}", SAME_ADDRESS_ALLOWED),
    )


def address_of(request: HttpRequest) -> str:
    """Where the request comes from, as TRUSTED_PROXIES says."""
    text = str(BaseThrottle().get_ident(request) or "")  # type: ignore[arg-type]  # it reads META alone
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False)) if address.version == 6 else text


def _sentence(wait: int) -> str:
    if wait <= 90:
        return ngettext(
            "Too many wrong passwords. Wait %(count)d second, then try again.",
            "Too many wrong passwords. Wait %(count)d seconds, then try again.",
            wait,
        ) % {"count": wait}
    minutes = math.ceil(wait / 60)
    return ngettext(
        "Too many wrong passwords. Wait %(count)d minute, then try again.",
        "Too many wrong passwords. Wait %(count)d minutes, then try again.",
        minutes,
    ) % {"count": minutes}
