"""The networks are the published ones: names, shapes, numbers of weights, and outputs equal to those recorded."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lipsync.networks.fan import Fan
from lipsync.networks.gfpgan import Gfpgan
from lipsync.networks.wav2lip import PARAMETERS, Wav2Lip
from tests.lipsync.networks import on_cpu, recorded, reference

TOLERANCE = 1e-4


def size(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_wav2lip_answers_as_its_authors_do():
    given = recorded("wav2lip.npz")
    network = reference(Wav2Lip(), "wav2lip_state.json")
    assert size(network) == PARAMETERS == pytest.approx(36.3e6, rel=1e-3)
    made = on_cpu(network)(given["mel"], given["face"])
    assert made.shape == given["out"].shape and 0 <= made.min() < made.max() <= 1
    assert np.abs(made - given["out"]).max() < TOLERANCE


@pytest.mark.slow
def test_gfpgan_answers_as_its_authors_do():
    given = recorded("gfpgan_v1_clean.npz")
    network = reference(Gfpgan(), "gfpgan_v1_clean_state.json")
    assert size(network) == 86_444_252
    asked = np.random.RandomState(11).uniform(-1, 1, (1, 3, 512, 512)).astype(np.float32)
    (made,) = on_cpu(network)(asked)
    rows, columns = given["points"].T
    assert np.abs(made[:, rows, columns] - given["values"]).max() < TOLERANCE
    np.testing.assert_allclose(made.mean(axis=(1, 2)), given["mean"][0], atol=TOLERANCE)


def test_fan_has_four_hourglasses_and_a_map_for_each_landmark():
    network = Fan()
    names = set(network.state_dict())
    assert size(network) == 23_820_176
    assert {"m3.b2_plus_1.conv3.weight", "top_m_0.bn1.weight", "al2.weight", "l3.bias"} <= names and "al3.weight" not in names
    maps = on_cpu(network)(np.zeros((1, 3, 256, 256), dtype=np.float32))
    assert maps.shape == (1, 68, 64, 64)
