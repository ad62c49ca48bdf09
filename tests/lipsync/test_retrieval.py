"""Which mouths are borrowed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lipsync.faces.landmarks import LIPS
from lipsync.mouth_space import rest_lips
from lipsync.retrieval import retrieve
from lipsync.shapes import apertures_of_lips


def test_a_frame_asked_for_its_own_lips_gets_them_in_order(looked_at):
    space, bank = looked_at
    numbers = np.arange(50, 150)
    lips = space.shapes[numbers][:, LIPS].astype(np.float64)
    borrowed = retrieve(space, bank, lips, numbers)
    own = np.array([bank[frame.mouths[0]].number for frame in borrowed])
    assert (np.abs(own - numbers) <= 1).mean() > 0.9


def test_shares_add_up_and_the_main_mouth_leads(looked_at):
    space, bank = looked_at
    numbers = np.arange(0, 200)
    lips = space.shapes[numbers[::-1]][:, LIPS].astype(np.float64)
    borrowed = retrieve(space, bank, lips, numbers)
    assert any(len(frame.mouths) > 1 for frame in borrowed)
    for frame in borrowed:
        assert sum(frame.shares) == pytest.approx(1.0)
        assert frame.shares[0] >= 0.5
        assert min(frame.shares) > 0


def test_the_borrowed_mouths_open_as_far_as_wanted(looked_at):
    space, bank = looked_at
    wanted = np.random.default_rng(3).permutation(len(space.shapes))[:200]
    lips = space.shapes[np.sort(wanted)[::-1]][:, LIPS].astype(np.float64)
    borrowed = retrieve(space, bank, lips, np.arange(200))
    got = space.shapes[np.array([bank[frame.mouths[0]].number for frame in borrowed])][:, LIPS].astype(np.float64)
    assert np.corrcoef(apertures_of_lips(got), apertures_of_lips(lips))[0, 1] > 0.95


def test_the_mouth_at_rest_is_nearly_closed(looked_at):
    space, _ = looked_at
    opening = space.opening[:, 0]
    assert apertures_of_lips(rest_lips(space)[None])[0] <= np.percentile(opening, 30)


def test_a_blurred_mouth_is_passed_over_for_a_sharp_one_of_its_shape(looked_at):
    space, bank = looked_at
    numbers = np.arange(60, 120)
    lips = space.shapes[numbers][:, LIPS].astype(np.float64)
    blurred = [replace(mouth, sharpness=mouth.sharpness - 2.0) if 80 <= mouth.number < 100 else mouth for mouth in bank]
    chosen = {blurred[frame.mouths[0]].number for frame in retrieve(space, blurred, lips, numbers)}
    assert not chosen & set(range(80, 100))
    assert {bank[frame.mouths[0]].number for frame in retrieve(space, bank, lips, numbers)} & set(range(80, 100))


def test_an_open_mouth_is_not_taken_for_a_sharp_one(looked_at):
    """Teeth are sharper than closed lips: closed lips are judged against closed lips and cost nothing for being smooth."""
    space, bank = looked_at
    opening = space.opening[[mouth.number for mouth in bank], 0]
    smooth = [replace(mouth, sharpness=2.0 + 8.0 * float(wide)) for mouth, wide in zip(bank, opening, strict=True)]
    closed = np.flatnonzero(opening < np.percentile(opening, 30))[:40]
    numbers = np.array([bank[place].number for place in closed])
    lips = space.shapes[numbers][:, LIPS].astype(np.float64)
    got = [space.opening[smooth[frame.mouths[0]].number, 0] for frame in retrieve(space, smooth, lips, numbers)]
    assert np.abs(np.array(got) - space.opening[numbers, 0]).mean() < 0.02
