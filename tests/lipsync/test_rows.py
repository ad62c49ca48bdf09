"""Rows in a file, read back in blocks."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.faces.track import FaceTrack, nearest_seen
from lipsync.rows import RowWriter


@pytest.fixture
def rows(tmp_path):
    with RowWriter(tmp_path / "rows.f32", (3, 2)) as writer:
        for number in range(50):
            writer.append(np.full((3, 2), number, dtype=np.float32))
        return writer.finish()


def test_a_block_is_what_was_written(rows):
    assert len(rows) == 50
    assert rows.read(20, 3)[:, 0, 0].tolist() == [20, 21, 22]


def test_rows_come_in_the_order_asked_for(rows):
    asked = np.array([49, 0, 7, 7, 30, 6, 31])
    assert rows.take(asked)[:, 2, 1].tolist() == asked.tolist()
    assert rows.take(np.array([], dtype=np.intp)).shape == (0, 3, 2)


def test_a_file_that_ends_early_is_noticed(rows):
    rows.path.write_bytes(rows.path.read_bytes()[:-4])
    with pytest.raises(EOFError):
        rows.read(49, 1)


def test_a_frame_without_a_face_takes_its_neighbour_from_its_own_shot(rows):
    seen = np.zeros(50, dtype=bool)
    seen[[5, 12, 40]] = True
    shot = np.zeros(50, dtype=np.intp)
    shot[20:30], shot[30:] = 1, 2
    source = nearest_seen(seen, shot)
    assert source[[0, 8, 9, 19]].tolist() == [5, 5, 12, 12]
    assert source[[30, 49]].tolist() == [40, 40]
    assert set(source[20:30].tolist()) <= {12, 40}, "a shot without a face takes whatever is nearest"
    track = FaceTrack(rows, source, seen, np.zeros((50, 4), dtype=np.float32), shot)
    assert track.points(np.array([0, 45]))[:, 0, 0].tolist() == [5, 40]
    assert [(part.start, part.stop) for part in track.shots()] == [(0, 20), (20, 30), (30, 50)]
