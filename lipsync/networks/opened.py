"""Networks with their weights, kept loaded: the second render of an engine process loads nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from lipsync.networks.checkpoint import fill
from lipsync.networks.device import Runner, device_named, precision_named
from lipsync.networks.fan import Fan
from lipsync.networks.gfpgan import Gfpgan
from lipsync.networks.wav2lip import Wav2Lip
from lipsync.weights import Weights, verified

MOST_KEPT = 3


@dataclass(frozen=True, slots=True)
class _Kind:
    """build: makes the network; cpu, gpu: how many are asked at once there"""

    build: Callable[[], nn.Module]
    cpu: int
    gpu: int


# Divisors of the 64 frames in which plans are worked out, so that a segment's batches are the same ones alone and in sequence.
KINDS = {"wav2lip": _Kind(Wav2Lip, 8, 64), "gfpgan": _Kind(Gfpgan, 1, 8), "fan": _Kind(Fan, 1, 1)}

_kept: OrderedDict[tuple[str, str, str], Runner] = OrderedDict()


def opened(weights: Weights, device: str, precision: str) -> Runner:
    """The network of these weights, loaded where it is not yet.

    Raises UnusableInput (`unknown_device`, `unknown_precision`), EnvironmentFault (`no_such_device`, `weights_missing`,
    `weights_damaged`, `weights_do_not_fit`, `out_of_memory`, `gpu_lost`).
    """
    place = device_named(device)
    exactness = precision_named(precision, place)
    key = (weights.sha256, str(place), str(exactness))
    if key not in _kept:
        kind = KINDS[weights.architecture]
        network = kind.build()
        fill(network, verified(weights))
        _kept[key] = Runner(network, place, exactness, kind.gpu if place.type == "cuda" else kind.cpu)
        if len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key]
