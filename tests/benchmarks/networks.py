"""CPU of the networks that others published, on one thread: what a frame costs without a graphics card.

Weights are made up; they cost what published ones do. The processor's time is told, for the machine may be busy.
"""

from __future__ import annotations

import statistics
import time

import torch
from torch import Tensor, nn

from lipsync.networks.fan import Fan
from lipsync.networks.gfpgan import Gfpgan
from lipsync.networks.wav2lip import Wav2Lip

RUNS = 5


def table() -> list[dict[str, object]]:
    """Milliseconds for a batch and for one frame of it, medians; the first run, which lays out memory, is not counted."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    try:
        wav2lip, fan, gfpgan = Wav2Lip(), Fan(), Gfpgan()
        return [
            *(measured("Wav2Lip", wav2lip, torch.rand(n, 1, 80, 16), torch.rand(n, 6, 96, 96)) for n in (1, 16)),
            measured("FAN", fan, torch.rand(1, 3, 256, 256)),
            measured("GFPGAN", gfpgan, torch.rand(1, 3, 512, 512)),
        ]
    finally:
        torch.set_num_threads(before)


def measured(name: str, network: nn.Module, *inputs: Tensor) -> dict[str, object]:
    """One network's figures."""
    spent = []
    with torch.inference_mode():
        network.eval()(*inputs)
        for _ in range(RUNS):
            start = time.process_time()
            network(*inputs)
            spent.append(1000 * (time.process_time() - start))
    batch = len(inputs[0])
    middle = statistics.median(spent)
    return {"network": name, "batch": batch, "batch_ms": round(middle), "frame_ms": round(middle / batch, 1)}
