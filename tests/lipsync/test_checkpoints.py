"""Checkpoints are read as published, and nothing in them is run."""

from __future__ import annotations

import os

import pytest
import torch

from lipsync.errors import EnvironmentFault
from lipsync.networks.checkpoint import fill
from lipsync.networks.wav2lip import Wav2Lip
from tests.lipsync.networks import wav2lip_checkpoint


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return wav2lip_checkpoint(tmp_path_factory.mktemp("checkpoint") / "wav2lip.pth")


def refused(path, network=None) -> str:
    with pytest.raises(EnvironmentFault) as caught:
        fill(network or torch.nn.Linear(2, 2), path)
    assert "nstall" in caught.value.message, "it says what to do"
    return caught.value.code


def test_names_given_by_several_cards_and_the_key_around_them_are_understood(published):
    network = Wav2Lip()
    with torch.no_grad():
        before = network.output_block[1].weight.clone()
    fill(network, published)
    written = torch.load(published, weights_only=True)["state_dict"]["module.output_block.1.weight"]
    assert torch.equal(network.output_block[1].weight, written) and not torch.equal(before, written)


def test_a_bare_state_without_counters_is_understood(tmp_path):
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(3))
    state = {name: tensor + 1 for name, tensor in network.state_dict().items() if "tracked" not in name}
    torch.save(state, tmp_path / "bare.pth")
    fill(network, tmp_path / "bare.pth")
    assert network[0].weight.tolist() == [2, 2, 2]


def test_weights_of_another_network_are_refused(published):
    assert refused(published) == "weights_do_not_fit"


def test_a_broken_file_is_refused(published, tmp_path):
    broken = tmp_path / "broken.pth"
    broken.write_bytes(published.read_bytes()[:100_000])
    assert refused(broken) == "weights_damaged"
    broken.write_text("<html>not found</html>")
    assert refused(broken) == "weights_damaged"
    torch.save([1, 2], broken)
    assert refused(broken) == "weights_damaged"


def test_a_file_that_would_run_something_is_refused_unrun(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'sprung'}",)

    torch.save({"state_dict": {"weight": Trap()}}, tmp_path / "trap.pth")
    assert refused(tmp_path / "trap.pth") == "weights_damaged"
    assert not (tmp_path / "sprung").exists()
