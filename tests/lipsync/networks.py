"""Checkpoints in the published formats with weights made up, and the reference outputs where they are beside the project."""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lipsync.networks.device import Runner
from lipsync.networks.gfpgan import Gfpgan
from lipsync.networks.wav2lip import Wav2Lip
from lipsync.weights.installing import install_own
from tests.lipsync.media import ROOT, real

NARROW = 8
PARITY = ROOT.parent / "shared" / "parity"


def reference(network: nn.Module, state: str) -> nn.Module:
    """The network with the weights that the recorded outputs were computed with; names and shapes must be those recorded."""
    real(PARITY, "fill.py")
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    spec = spec_from_file_location("fill", PARITY / "fill.py")
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    sys.dont_write_bytecode = before
    told: dict[str, Any] = json.loads((PARITY / state).read_text())
    shapes = told.get("state", told)
    assert {name: list(tensor.shape) for name, tensor in network.state_dict().items()} == shapes
    weights = made.fill({name: shape for name, shape in shapes.items() if not name.endswith("num_batches_tracked")})
    state = {
        name: torch.from_numpy(weights[name]) if name in weights else torch.zeros((), dtype=torch.int64) for name in shapes
    }
    network.load_state_dict(state)
    return network.eval()


def recorded(name: str) -> dict[str, np.ndarray]:
    """A file of recorded inputs and outputs."""
    with np.load(real(PARITY, name)) as arrays:
        return {key: arrays[key] for key in arrays.files}


def wav2lip_checkpoint(path: Path) -> Path:
    """As `wav2lip.pth` is: trained on several cards at once, and with what its training needed."""
    torch.manual_seed(5)
    state = {f"module.{name}": tensor for name, tensor in Wav2Lip().state_dict().items()}
    torch.save({"state_dict": state, "optimizer": {"state": {}, "param_groups": []}, "global_step": 7}, path)
    return path


def gfpgan_checkpoint(path: Path) -> Path:
    """As `GFPGANv1.4.pth` is, the running mean of its weights, but of a narrower network: the published one takes seconds."""
    torch.manual_seed(5)
    network = Gfpgan(narrow=NARROW)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.5 / float(np.sqrt(np.prod(parameter.shape[1:]))))
    torch.save({"params_ema": network.state_dict()}, path)
    return path


def install_made_up(folder: Path, scratch: Path) -> None:
    """Put made-up weights where the engine looks for them."""
    for like, make in (("wav2lip", wav2lip_checkpoint), ("gfpgan", gfpgan_checkpoint)):
        file = make(scratch / f"{like}.pth")
        install_own(f"made_up_{like}", file, like, "made up by a test", commercial_use=True, folder=folder)
        file.unlink()


def on_cpu(network: nn.Module, batch: int = 4) -> Runner:
    """The network, as engines ask it."""
    return Runner(network, torch.device("cpu"), torch.float32, batch)
