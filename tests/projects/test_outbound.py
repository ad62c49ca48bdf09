"""What leaves the installation reaches public places alone, and only for a while."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from projects import outbound
from projects.errors import ProjectError
from tests.projects.receivers import Receiver, receiving


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """One that the administrator has allowed."""
    settings.PRIVATE_TARGETS = ["127.0.0.1"]
    with receiving() as it:
        yield it


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Call it with the addresses that every name means, one list for each time that it is asked. Returns who was asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def mean(*answers: list[str]) -> list[str]:
        left = list(answers)

        def look_up(host: str, port: int, *family: int, **_kind: Any) -> list[Any]:
            if family:  # of a connection, which has a number already
                return real(host, port, *family)
            asked.append(host)
            addresses = left.pop(0) if len(left) > 1 else left[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        return asked

    return mean


PRIVATE = [
    *("127.0.0.1", "127.8.9.10", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("224.0.0.1", "255.255.255.255", "192.0.2.1", "240.0.0.1", "198.18.0.1"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "fec0::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::a00:1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_no_name_leads_into_a_private_network(names: Callable[..., list[str]], address: str) -> None:
    names([address])
    with pytest.raises(outbound.Unreached) as refused:
        outbound.look_up("https://innocent.example/")
    assert refused.value.code == "not_public"


def test_one_private_address_among_public_ones_is_enough(names: Callable[..., list[str]]) -> None:
    names(["93.184.216.34", "10.0.0.1"])
    with pytest.raises(outbound.Unreached):
        outbound.look_up("https://innocent.example/")
    names(["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
    assert outbound.look_up("https://innocent.example:8443/a?b").port == 8443


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.com/", "url_invalid"),
        ("file:///etc/passwd", "url_invalid"),
        ("https://", "url_invalid"),
        ("https://user:word@example.com/", "url_invalid"),
        ("https://example.com:0/", "url_invalid"),
        ("https://example.com:99999/", "url_invalid"),
        ("https://[::1/", "url_invalid"),
        ("https://exa mple.com/", "url_invalid"),
        ("https://example.com/\r\nHost: a", "url_invalid"),
        ("https://example.com\\@10.0.0.1/", "url_invalid"),
        ("https://example.com/" + "a" * 600, "url_invalid"),
        ("https://2130706433/", "not_public"),
        ("https://0x7f.1/", "not_public"),
        ("https://127.1/", "not_public"),
        ("https://[::ffff:127.0.0.1]/", "not_public"),
        ("http://93.184.216.34/", "not_encrypted"),
    ],
)
def test_an_address_that_leads_nowhere_good_is_refused(url: str, code: str) -> None:
    with pytest.raises(outbound.Unreached) as refused:
        outbound.look_up(url)
    assert refused.value.code == code


def test_the_administrator_may_name_exceptions(settings: Settings, names: Callable[..., list[str]]) -> None:
    names(["10.1.2.3"])
    for named in ("10.0.0.0/8", "10.1.2.3", "hooks.internal"):
        settings.PRIVATE_TARGETS = [named]
        assert outbound.look_up("http://hooks.internal/").addresses == ("10.1.2.3",)
    settings.PRIVATE_TARGETS = ["10.2.0.0/16", "other.internal"]
    with pytest.raises(outbound.Unreached):
        outbound.look_up("http://hooks.internal/")


def test_a_name_is_looked_up_once_and_the_line_goes_where_it_led(
    receiver: Receiver, settings: Settings, names: Callable[..., list[str]]
) -> None:
    settings.PRIVATE_TARGETS = ["rebinding.example"]
    asked = names(["127.0.0.1"], ["10.0.0.1"])
    url = receiver.url.replace("127.0.0.1", "rebinding.example")
    assert outbound.post(url, b"{}", {}) == 204
    assert asked == ["rebinding.example"]


def test_a_message_arrives_as_it_was_sent(receiver: Receiver) -> None:
    assert outbound.post(f"{receiver.url}?a=1", b'{"a": 1}', {"Content-Type": "application/json", "X-One": "1"}) == 204
    heard = receiver.heard[0]
    assert (heard.method, heard.path, heard.body) == ("POST", "/hook?a=1", b'{"a": 1}')
    assert (heard.headers["X-One"], heard.headers["Host"]) == ("1", receiver.url.split("/")[2])


@pytest.mark.parametrize(("status", "code"), [(302, "leads_on"), (307, "leads_on"), (404, "says_no"), (500, "says_no")])
def test_anything_but_success_is_a_failure_and_no_redirect_is_followed(receiver: Receiver, status: int, code: str) -> None:
    receiver.answers, receiver.leads_to = [status], f"{receiver.url}/elsewhere"
    with pytest.raises(outbound.Unreached) as failed:
        outbound.post(receiver.url, b"{}", {})
    assert (failed.value.code, failed.value.answered) == (code, status)
    assert [heard.path for heard in receiver.heard] == ["/hook"]


def test_nobody_there_and_nobody_of_that_name(settings: Settings) -> None:
    settings.PRIVATE_TARGETS = ["127.0.0.1"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for url, code in ((f"http://127.0.0.1:{port}/", "no_connection"), ("https://nobody.invalid/", "unknown_host")):
        with pytest.raises(outbound.Unreached) as failed:
            outbound.post(url, b"{}", {})
        assert failed.value.code == code


def test_one_that_does_not_speak_tls_is_not_trusted(receiver: Receiver) -> None:
    with pytest.raises(outbound.Unreached) as failed:
        outbound.post(receiver.url.replace("http:", "https:"), b"{}", {})
    assert failed.value.code == "no_connection"


def test_a_file_is_fetched_up_to_a_size(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers, receiver.gives = [200], b"x" * 1000
    outbound.fetch(receiver.url, tmp_path / "whole", most=1000, seconds=10)
    assert (tmp_path / "whole").read_bytes() == receiver.gives
    with pytest.raises(ProjectError) as refused:
        outbound.fetch(receiver.url, tmp_path / "stated", most=999, seconds=10)
    assert refused.value.code == "too_large"
    assert not (tmp_path / "stated").exists()
    receiver.states = 2000
    with pytest.raises(outbound.Unreached) as broken:
        outbound.fetch(receiver.url, tmp_path / "cut", most=5000, seconds=10)
    assert broken.value.code == "no_connection"


def test_a_server_that_drips_is_cut_off(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers, receiver.gives, receiver.drips = [200], b"x" * 1000, 0.05
    with pytest.raises(outbound.Unreached) as slow:
        outbound.fetch(receiver.url, tmp_path / "file", most=5000, seconds=0.5)
    assert slow.value.code == "too_slow"


def test_addresses_where_nobody_answers_cost_no_more_time_than_there_is(
    receiver: Receiver,
    settings: Settings,
    names: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    settings.PRIVATE_TARGETS = ["127.0.0.0/8"]
    names(["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"])
    waited: list[float] = []
    real = socket.create_connection

    def reach(place: tuple[str, int], timeout: float) -> socket.socket:
        if place[0] == "127.0.0.1":
            return real(place, timeout)
        waited.append(timeout)
        threading.Event().wait(timeout)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", reach)
    monkeypatch.setattr(outbound, "CONNECT_SECONDS", 0.2)
    receiver.answers, receiver.gives, receiver.drips = [200], b"x" * 20, 0.02
    with pytest.raises(outbound.Unreached) as slow:
        outbound.fetch(receiver.url, tmp_path / "file", most=5000, seconds=0.3)
    assert slow.value.code == "too_slow"
    assert sum(waited) <= 0.31
