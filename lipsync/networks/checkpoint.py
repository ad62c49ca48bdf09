"""Published checkpoints into networks: only tensors are read, nothing that a file says is run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lipsync.errors import EnvironmentFault

# Under which of these a file keeps the network's weights; without any it is the weights.
KEYS = ("params_ema", "params", "state_dict")
_WRAPPED = "module."
_COUNTERS = "num_batches_tracked"


def fill(network: nn.Module, path: Path) -> None:
    """Give the network the weights of the file. Raises EnvironmentFault (`weights_damaged`, `weights_do_not_fit`)."""
    state = _state(path)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    # Older files lack the counters of the normalisations, which only training reads.
    odd = [name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name) and _COUNTERS not in name]
    if odd:
        raise EnvironmentFault(
            "weights_do_not_fit",
            f"The weights in {path.name} are not for {type(network).__name__}: {len(odd)} parts differ, {min(odd)} for one. "
            "Install the published file.",
        )
    network.load_state_dict({name: tensor for name, tensor in state.items() if name in wanted}, strict=False)


def _state(path: Path) -> dict[str, Tensor]:
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise _damaged(path) from error
    for key in KEYS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise _damaged(path)
    return {str(name).removeprefix(_WRAPPED): tensor for name, tensor in content.items()}


def _damaged(path: Path) -> EnvironmentFault:
    return EnvironmentFault("weights_damaged", f"No weights can be read from {path.name}. Install them again.")
