"""What is kept between runs goes when nobody may keep it any longer, and never while it is used."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from pathlib import Path

import pytest

from lipsync.keeping import MAKING, Hold, forget, forget_all_but, lock_of, making_folder, name_for, remove_half_made
from lipsync.version import engine_digest

OURS, GONE = (hashlib.sha256(name).hexdigest() for name in (b"ours", b"gone"))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder


def keep(root: Path, name: str) -> Path:
    place = root / name
    place.mkdir()
    (place / "faces").write_text("kept")
    lock_of(place).touch()
    return place


def test_only_what_was_made_of_the_contents_named_is_left(root):
    stays = [keep(root, name_for(OURS)), keep(root, name_for(OURS, "0.5000-0.2500-1.000"))]
    goes = [keep(root, name_for(GONE)), keep(root, name_for(GONE, "0.5000-0.2500-1.000"))]
    assert forget_all_but(root, {OURS}) == 2
    assert sorted(root.iterdir()) == sorted([*stays, *map(lock_of, stays)])
    assert not any(place.exists() for place in goes)


def test_what_another_engine_made_goes(root):
    other = keep(root, name_for(OURS).replace(engine_digest(), "0" * 16))
    assert forget_all_but(root, {OURS}) == 1
    assert not other.exists()


def test_a_lock_that_was_left_alone_goes_too(root):
    lock = lock_of(root / name_for(GONE))
    lock.touch()
    assert forget_all_but(root, set()) == 1
    assert not lock.exists()


@pytest.mark.parametrize("how", [fcntl.LOCK_SH, fcntl.LOCK_EX])
def test_what_somebody_makes_or_uses_stays(root, how):
    place = keep(root, name_for(GONE))
    lock = os.open(lock_of(place), os.O_RDWR)
    fcntl.flock(lock, how)
    assert forget_all_but(root, set()) == 0
    assert (place / "faces").exists()
    os.close(lock)
    assert forget(place)
    assert list(root.iterdir()) == []


def test_what_has_another_kind_of_name_is_nobody_s_business(root):
    for name in ("lost+found", "notes", f"{MAKING}abc", OURS):
        keep(root, name)
    before = sorted(root.iterdir())
    assert forget_all_but(root, set()) == 0
    assert sorted(root.iterdir()) == before


def test_what_is_being_made_stays_until_its_maker_is_gone(root):
    place = root / name_for(OURS)
    with Hold(place) as hold:
        hold.take(fcntl.LOCK_EX)
        making = making_folder(place)
        assert remove_half_made(root) == 0
        assert making.exists()
    assert remove_half_made(root) == 1
    assert not making.exists()


def test_who_waited_while_it_was_forgotten_holds_what_others_hold(root):
    place = keep(root, name_for(OURS))
    waiter = Hold(place)
    thread = threading.Thread(target=waiter.take, args=[fcntl.LOCK_SH])
    with Hold(place) as hold:
        hold.take(fcntl.LOCK_EX)
        thread.start()
        while waiter._file < 0:  # it has opened the lock that is about to go
            thread.join(0.01)
        lock_of(place).unlink()
    thread.join()
    with waiter:
        assert not forget(place)
    assert forget(place)


def test_what_is_shared_again_can_be_used_by_others_but_not_removed(root):
    place = keep(root, name_for(OURS))
    with Hold(place) as maker, Hold(place) as user:
        maker.take(fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            user.take(fcntl.LOCK_SH | fcntl.LOCK_NB)
        maker.share()
        user.take(fcntl.LOCK_SH | fcntl.LOCK_NB)
        assert not forget(place)
