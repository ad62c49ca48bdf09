"""Whoever starts an installation brings its tables up to date, also when others do so at the same moment."""

from __future__ import annotations

from pathlib import Path

from tests import making


def test_several_starts_at_once_do_not_meet_on_sqlite(tmp_path: Path) -> None:
    assert making.starts_at_once({"HEYGEM_DATA": str(tmp_path), "DATABASE_URL": ""}) == []
