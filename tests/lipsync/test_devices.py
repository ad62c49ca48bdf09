"""Where networks run, and what happens when memory or the device is lost. Tests marked `gpu` need a graphics card."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lipsync.errors import EnvironmentFault, LipsyncError
from lipsync.networks.device import Runner, device_named, precision_named
from lipsync.networks.wav2lip import Wav2Lip
from tests.lipsync.networks import on_cpu

needs_gpu = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card answers")]


class Doubling(nn.Module):
    """Doubles what it is given, in batches no larger than it likes."""

    def __init__(self, most: int, error: type[Exception] = torch.OutOfMemoryError, words: str = "CUDA out of memory") -> None:
        super().__init__()
        self.most, self.error, self.words = most, error, words
        self.asked: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.asked.append(len(x))
        if len(x) > self.most:
            raise self.error(self.words)
        return x * 2


ROWS = np.arange(40, dtype=np.float32).reshape(20, 2)


@pytest.mark.parametrize(
    ("error", "words"),
    [(torch.OutOfMemoryError, "CUDA out of memory"), (RuntimeError, "DefaultCPUAllocator: can't allocate memory")],
)
def test_too_large_a_batch_is_halved_until_it_fits_and_stays_so(error, words):
    network = Doubling(3, error, words)
    runner = on_cpu(network, batch=16)
    np.testing.assert_array_equal(runner(ROWS), ROWS * 2)
    assert network.asked == [16, 8, 4, *[2] * 10]
    network.asked.clear()
    np.testing.assert_array_equal(runner(ROWS[:3]), ROWS[:3] * 2)
    assert network.asked == [2, 1]


def code_of(network: nn.Module) -> str:
    with pytest.raises(LipsyncError) as caught:
        on_cpu(network)(ROWS)
    assert isinstance(caught.value, EnvironmentFault)
    return caught.value.code


def test_no_room_for_a_single_one_is_the_machines_fault():
    assert code_of(Doubling(0)) == "out_of_memory"


@pytest.mark.parametrize("words", ["CUDA error: unspecified launch failure", "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"])
def test_a_lost_card_is_the_machines_fault(words):
    assert code_of(Doubling(0, RuntimeError, words)) == "gpu_lost"


def test_a_bug_stays_a_bug():
    with pytest.raises(RuntimeError, match="shape"):
        on_cpu(Doubling(0, RuntimeError, "Input type (torch.cuda.HalfTensor): shape mismatch"))(ROWS)


def test_devices_and_precisions_are_told_by_name():
    assert device_named("cpu").type == "cpu"
    assert device_named().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert precision_named("auto", torch.device("cpu")) == torch.float32
    assert precision_named("auto", torch.device("cuda:0")) == torch.float16
    assert precision_named("bf16", torch.device("cuda:0")) == torch.bfloat16
    for call, code in (
        (lambda: device_named("tpu"), "unknown_device"),
        (lambda: device_named("cuda:77"), "no_such_device"),
        (lambda: precision_named("int4", torch.device("cpu")), "unknown_precision"),
    ):
        with pytest.raises(LipsyncError) as caught:
            call()
        assert caught.value.code == code


class TestOnACard:
    """Figures are printed with -s; they go to docs/benchmarks.md with date and machine."""

    pytestmark = needs_gpu

    def asked(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        chance = np.random.RandomState(1)
        mel = chance.uniform(-4, 4, (count, 1, 80, 16)).astype(np.float32)
        return mel, chance.uniform(0, 1, (count, 6, 96, 96)).astype(np.float32)

    def runner(self, precision: torch.dtype, batch: int = 128) -> Runner:
        torch.manual_seed(5)
        return Runner(Wav2Lip(), torch.device("cuda:0"), precision, batch)

    def test_half_precision_differs_by_less_than_a_grey_level(self):
        given = self.asked(16)
        exact = self.runner(torch.float32)(*given)
        torch.manual_seed(5)
        np.testing.assert_allclose(exact, on_cpu(Wav2Lip())(*given), atol=2e-3)
        for precision, levels in ((torch.float16, 1.0), (torch.bfloat16, 4.0)):
            apart = np.abs(self.runner(precision)(*given) - exact).max() * 255
            assert apart < levels, precision

    @pytest.mark.parametrize("batch", [1, 16, 128])
    def test_its_speed_and_memory_are_told(self, batch):
        runner, given = self.runner(torch.float16, batch), self.asked(batch)
        runner(*given)
        torch.cuda.reset_peak_memory_stats()
        start, rounds = time.perf_counter(), 20
        for _ in range(rounds):
            made = runner(*given)
        speed = rounds * batch / (time.perf_counter() - start)
        peak = torch.cuda.max_memory_allocated() / 2**20
        sys.stdout.write(f"batch {batch}: {speed:.0f} frames/s with transfers, {peak:.0f} MB\n")
        assert made.shape == (batch, 3, 96, 96) and np.isfinite(made).all()
        assert batch < 128 or speed > 2000

    def test_a_batch_beyond_its_memory_is_halved(self):
        runner = self.runner(torch.float16, 2**20)
        free, total = torch.cuda.mem_get_info()
        held = torch.empty(max(0, int(free - 0.02 * total)), dtype=torch.uint8, device="cuda:0")
        made = runner(*self.asked(2048))
        assert len(made) == 2048 and len(held) >= 0
