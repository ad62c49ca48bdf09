"""One line to a studio: requests go in, JSON or bytes come out, however often the line breaks meanwhile.

What does no harm when it is done twice is asked again: reading, and what carries an `Idempotency-Key`. Anything else is sent
again only where it cannot have arrived, or was turned away.
"""

from __future__ import annotations

import email.utils
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from heygem_client.errors import NotAllowed, OutOfReach, Refused, StudioError

API = "/api/v1/"
PATIENCE_SECONDS = 120.0  # for how long a studio that does not answer is asked again
TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=60.0, pool=10.0)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
LONGEST_ASKED_PAUSE = 300.0
TURNED_AWAY = (429, 503)  # nothing was done
MAYBE_DONE = (502, 504)
BUSY = 423
ROWS_A_PAGE = 200


class Connection:
    """url: of the studio, e.g. http://127.0.0.1:7860; patience: seconds; transport: of httpx, another one for tests"""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience: float = PATIENCE_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = checked(url)
        self.patience = patience
        self.rest: Callable[[float], None] = time.sleep  # between two tries, and while renders run
        self._known: dict[str, tuple[str, dict[str, Any]]] = {}
        headers = {"User-Agent": f"heygem-client/{_version()}", "Accept": "application/json", "Accept-Language": _language()}
        if token:
            headers["Authorization"] = f"Token {token}"
        self._client = httpx.Client(headers=headers, timeout=TIMEOUT, transport=transport)

    def close(self) -> None:
        """End it."""
        self._client.close()

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """What lies at an address of the API."""
        return _json(self.ask("GET", path, params=params))

    def poll(self, path: str) -> dict[str, Any]:
        """The same, of what is asked for again and again: an answer that still holds is not sent anew."""
        tag, body = self._known.get(path, ("", {}))
        answer = self.ask("GET", path, headers={"If-None-Match": tag} if tag else {})
        if answer.status_code != httpx.codes.NOT_MODIFIED:
            body = _json(answer)
            self._known = {path: (answer.headers.get("ETag", ""), body)}
        return body

    def post(self, path: str, body: Mapping[str, Any], *, key: str = "", again: bool = False) -> dict[str, Any]:
        """Ask for something to be made. key: under which the same is made only once; again: twice does no harm by nature"""
        headers = {"Idempotency-Key": key} if key else {}
        return _json(self.ask("POST", path, json=dict(body), headers=headers, again=again or bool(key)))

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change something; the same twice does no harm."""
        return _json(self.ask("PATCH", path, json=dict(body), again=True))

    def rows(self, path: str, **params: str) -> Iterator[dict[str, Any]]:
        """Every row of a list, page by page."""
        page = self.get(path, page_size=str(ROWS_A_PAGE), **params)
        while True:
            yield from page["results"]
            following = page.get("next")
            if not following:
                return
            page = _json(self.ask("GET", following))

    def ask(self, method: str, path: str, *, again: bool | None = None, **request: Any) -> httpx.Response:
        """One answer that is no refusal. path: from the API on, or an address that the studio told

        again: whether it may be asked again though it may have been done; reading always may.
        Raises StudioError.
        """
        again = method in ("GET", "HEAD") if again is None else again
        url = self._here(path)
        retries = Retries(self)
        while True:
            try:
                response = self._client.request(method, url, **request)
            except httpx.TransportError as error:
                if not again and not isinstance(error, httpx.ConnectError):
                    raise _unreachable(self.url, error) from error
                retries.rest(_unreachable(self.url, error))
                continue
            if response.status_code in (*TURNED_AWAY, BUSY) or (again and response.status_code in MAYBE_DONE):
                retries.rest(refusal(response), _asked_pause(response))
                continue
            if response.is_success or response.status_code == 304:
                return response
            raise refusal(response)

    @contextmanager
    def reading(self, url: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """One answer whose body is read piece by piece. The studio may lead on to its bucket, which sees no token.

        Raises httpx.TransportError when the line breaks, also within the block.
        """
        # As it lies there: packed for the way, its ranges would be those of the packed bytes.
        plain = {"Accept-Encoding": "identity", "Accept": "*/*", **headers}
        with self._client.stream("GET", self._here(url), headers=plain, follow_redirects=True) as response:
            if not response.is_success and response.status_code != 416:
                response.read()
                raise refusal(response)
            yield response

    def _here(self, path: str) -> str:
        """Where it lies in this studio: the token goes to no other place, whatever an answer says."""
        parts = urlsplit(path)
        if not path.startswith("/") and not parts.scheme:
            return self.url + API + path
        mine = urlsplit(self.url)
        return urlunsplit((mine.scheme, mine.netloc, parts.path, parts.query, ""))


class Retries:
    """Counts the time in which a studio is asked again."""

    def __init__(self, connection: Connection) -> None:
        self._until = time.monotonic() + connection.patience
        self._rest = connection.rest
        self._pause = FIRST_PAUSE

    def rest(self, error: StudioError, asked: float | None = None) -> None:
        """Wait before the next try: as long as the studio asks for, or longer each time. Raises the error when time is up."""
        pause = asked if asked is not None else self._pause * random.uniform(0.75, 1.25)  # noqa: S311 - not a secret
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        if time.monotonic() + pause > self._until:
            raise error
        self._rest(pause)


def checked(url: str) -> str:
    """A studio's address without what does not belong there. Raises Refused."""
    parts = urlsplit(url if "//" in url else f"https://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise Refused("url_invalid", f"{url!r} is not the address of a studio. Write one such as http://127.0.0.1:7860.")
    path = parts.path.rstrip("/").removesuffix(API.rstrip("/"))
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")).rstrip("/")


def refusal(response: httpx.Response) -> StudioError:
    """The error that an answer tells of."""
    try:
        body = response.json()
        code, message = str(body["code"]), str(body["message"])
    except (ValueError, KeyError, TypeError):
        body, code = {}, f"http_{response.status_code}"
        message = f"{response.request.url.host} answered {response.status_code} {response.reason_phrase}."
    status = response.status_code
    if response.is_redirect:
        text = (
            f"{_origin(response)} leads on to {response.headers.get('Location')}. Use the address that the studio really has."
        )
        return Refused("moved", text, status=status)
    if status == 401:
        return NotAllowed(code, f"{message} Sign in with: heygem login {_origin(response)}")
    if status == 403:
        return NotAllowed(code, message)
    if status == 500:
        return StudioError(code, f"{message} This is a fault of the studio; its log says more.")
    if status > 500 or status in (*TURNED_AWAY, BUSY):
        return OutOfReach(code, message)
    if not body:
        return StudioError(code, f"{message} Is this a HeyGem Studio?")
    detail, field = body.get("detail"), str(body.get("field") or "")
    at = detail.get("at") if isinstance(detail, dict) else None
    if code == "invalid" and field:  # the sentence alone says of no value which one it is
        message = f"{field}: {message}"
    return Refused(code, message, status=status, field=field, at=at if isinstance(at, float) else None)


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError as error:
        text = f"{_origin(response)} did not answer as a HeyGem Studio does. Check the address."
        raise StudioError("not_a_studio", text) from error
    if not isinstance(body, dict):
        raise StudioError("not_a_studio", f"{_origin(response)} did not answer as a HeyGem Studio does. Check the address.")
    return body


def _asked_pause(response: httpx.Response) -> float | None:
    """What Retry-After asks for, in seconds; it may be a number or a moment."""
    said = response.headers.get("Retry-After", "")
    if said.isdecimal():
        return min(float(said), LONGEST_ASKED_PAUSE)
    try:
        moment = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    return min(max(0.0, moment.timestamp() - time.time()), LONGEST_ASKED_PAUSE)


def _unreachable(url: str, error: httpx.TransportError) -> OutOfReach:
    text = f"{url} cannot be reached ({str(error) or type(error).__name__}). Check the address, and that the studio runs."
    return OutOfReach("out_of_reach", text)


def _origin(response: httpx.Response) -> str:
    url = response.request.url
    return f"{url.scheme}://{url.netloc.decode()}"


def _language() -> str:
    """In which language the studio shall speak."""
    known = next(filter(None, (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh-hans" if known.startswith("zh") else "en"


def _version() -> str:
    try:
        return version("heygem-client")
    except PackageNotFoundError:  # run from its folder, without being installed
        return "0"
