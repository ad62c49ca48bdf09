"""Dataclasses of arrays to a file and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from lipsync import store


@dataclass(frozen=True, slots=True)
class Inner:
    values: np.ndarray
    name: str


@dataclass(frozen=True, slots=True)
class Outer:
    inner: Inner
    missing: Inner | None
    count: int
    share: float
    said: bool


@dataclass(frozen=True, slots=True)
class Odd:
    things: list[int]


def test_what_is_saved_comes_back(tmp_path):
    before = Outer(Inner(np.arange(6, dtype=np.float32).reshape(2, 3), "mouth"), None, 7, 0.25, True)
    store.save(tmp_path / "a.npz", before)
    after = store.load(tmp_path / "a.npz", Outer)
    np.testing.assert_array_equal(after.inner.values, before.inner.values)
    assert after.inner.values.dtype == np.float32
    assert (after.inner.name, after.missing, after.count, after.share, after.said) == ("mouth", None, 7, 0.25, True)


def test_another_kind_is_refused(tmp_path):
    store.save(tmp_path / "a.npz", Inner(np.zeros(2), "a"))
    with pytest.raises(ValueError, match="does not hold"):
        store.load(tmp_path / "a.npz", Outer)


@pytest.mark.parametrize("kept", [0, 2, 200, -30])
def test_a_file_that_was_cut_short_is_refused(tmp_path, kept):
    store.save(tmp_path / "a.npz", Inner(np.zeros(2), "a"))
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[:kept])
    with pytest.raises(ValueError, match=r"."):
        store.load(tmp_path / "a.npz", Inner)


def test_a_file_of_objects_is_never_run(tmp_path):
    np.savez(tmp_path / "a.npz", values=np.array([object()], dtype=object), name="a")
    with pytest.raises(ValueError, match="allow_pickle"):
        store.load(tmp_path / "a.npz", Inner)


def test_what_cannot_be_stored_is_told(tmp_path):
    with pytest.raises(TypeError, match="things"):
        store.save(tmp_path / "a.npz", Odd([1]))
