"""Where networks run, how exactly, and what happens when the memory or the device itself is lost."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from lipsync.contracts import DEVICES, PRECISIONS
from lipsync.errors import EnvironmentFault, UnusableInput

FloatArray = npt.NDArray[np.float32]

AUTO = "auto"
_TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
# What a CPU's allocator says; a graphics card's raises an error of its own kind.
_NO_MEMORY = re.compile(r"can't allocate memory|not enough memory|out of memory|STATUS_ALLOC_FAILED", re.IGNORECASE)
_LOST = re.compile(r"CUDA error|CUDA driver|cuDNN error|CUBLAS_STATUS|CUDNN_STATUS|no CUDA-capable device")


def device_named(name: str = AUTO) -> torch.device:
    """`cpu`, `cuda:N`, or with `auto` the first graphics card where there is one.

    Raises UnusableInput (`unknown_device`), EnvironmentFault (`no_such_device`).
    """
    if name == AUTO:
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(DEVICES, name):
        raise UnusableInput("unknown_device", f"{name} is no device. Choose auto, cpu, or cuda:0, cuda:1 and so on.")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise EnvironmentFault(
            "no_such_device", f"This machine has no graphics card {name} that torch can use. Choose another device, or auto."
        )
    return device


def precision_named(name: str, device: torch.device) -> torch.dtype:
    """Half precision on a graphics card, single on a processor, unless asked otherwise.

    Raises UnusableInput (`unknown_precision`).
    """
    if name == AUTO:
        return torch.float16 if device.type == "cuda" else torch.float32
    if name not in _TYPES:
        raise UnusableInput("unknown_precision", f"{name} is no precision. Choose one of: {', '.join(PRECISIONS)}.")
    return _TYPES[name]


class Runner:
    """A network that lies on its device, asked with arrays in batches.

    batch: how many it is best asked at once; largest: how many it is, halved for good when the memory does not suffice
    """

    def __init__(self, network: nn.Module, device: torch.device, precision: torch.dtype, largest: int) -> None:
        self.device, self.precision, self.batch, self.largest = device, precision, largest, largest
        try:
            with _faults_told():
                self._network = network.eval().to(device, precision)
        except _BatchTooLargeError as error:
            raise _no_memory() from error

    def __call__(self, *inputs: FloatArray) -> FloatArray:
        """The network's answer to inputs that have as many rows each.

        Raises EnvironmentFault (`out_of_memory`, `gpu_lost`).
        """
        parts: list[FloatArray] = []
        done, count = 0, len(inputs[0])
        while done < count:
            size = min(self.largest, count - done)
            try:
                with _faults_told(), _all_cores(self.device):
                    parts.append(self._answer([rows[done : done + size] for rows in inputs]))
            except _BatchTooLargeError as error:
                self._shrink(size, error)
                continue
            done += size
        return np.concatenate(parts)

    def _answer(self, rows: list[FloatArray]) -> FloatArray:
        with torch.inference_mode():
            made: Tensor = self._network(*(self._there(array) for array in rows))
            return np.asarray(made.float().cpu().numpy())

    def _there(self, rows: FloatArray) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(rows))
        if self.device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self.device, self.precision, non_blocking=True)

    def _shrink(self, size: int, error: Exception) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if size <= 1:
            raise _no_memory() from error
        self.largest = size // 2


class _BatchTooLargeError(Exception):
    """The memory does not suffice for so many at once."""


def _no_memory() -> EnvironmentFault:
    return EnvironmentFault(
        "out_of_memory", "The machine has too little free memory for this. Try again when less else runs on it."
    )


@contextmanager
def _faults_told() -> Iterator[None]:
    """Turn what torch raises into what can be acted upon. Raises _BatchTooLargeError, EnvironmentFault (`gpu_lost`)."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise _BatchTooLargeError from error
    except RuntimeError as error:
        if _NO_MEMORY.search(str(error)):
            raise _BatchTooLargeError from error
        if _is_lost(error):
            raise EnvironmentFault(
                "gpu_lost", "The graphics card does not answer any more. The worker is started anew and tries again."
            ) from error
        raise


def _is_lost(error: RuntimeError) -> bool:
    accelerator: Any = getattr(torch, "AcceleratorError", None)
    return (accelerator is not None and isinstance(error, accelerator)) or bool(_LOST.search(str(error)))


@contextmanager
def _all_cores(device: torch.device) -> Iterator[None]:
    """Let torch use every core that this process may use: the engine holds other libraries to one thread each."""
    if device.type != "cpu":
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0))))
    try:
        yield
    finally:
        torch.set_num_threads(before)
