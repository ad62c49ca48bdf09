"""The speech network: right gradients, answers that do not depend on how a recording is cut into blocks."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.sound.network import EMBEDDING, INPUTS, articulate, embed, fresh_weights, inputs, listen
from lipsync.sound.tape import Adam, Node, Tape, as_nodes, drop
from lipsync.training.speech_network import loss


def answers_of(weights, x, tape=None):
    return articulate(weights, embed(weights, Node(x), tape), tape)


def test_gradients_are_those_of_finite_differences():
    random = np.random.default_rng(0)
    weights = as_nodes(fresh_weights(random))
    for node in weights.values():
        node.value = node.value.astype(np.float64)
    x = random.standard_normal((2, 20, INPUTS))
    channels, classes = random.random((2, 10, 6)), random.integers(0, 26, (2, 10))

    def whole():
        wrong = answers_of(weights, x).value[..., :6] - channels
        told = loss(answers_of(weights, x), channels, classes)
        return 10 * told["channels"] + 10 * (np.diff(wrong, axis=1) ** 2).mean() + 0.5 * told["classes"]

    tape = Tape(random)
    loss(answers := answers_of(weights, x, tape), channels, classes)
    assert answers.gradient is not None
    tape.walk_back()
    for name, node in weights.items():
        place = tuple(int(random.integers(0, size)) for size in node.value.shape)
        kept = node.value[place]
        node.value[place] = kept + 1e-5
        above = whole()
        node.value[place] = kept - 1e-5
        below = whole()
        node.value[place] = kept
        assert node.gradient[place] == pytest.approx((above - below) / 2e-5, rel=1e-3, abs=1e-6), name


def test_training_lowers_the_error_and_repeats_itself():
    def trained():
        random = np.random.default_rng(5)
        weights = as_nodes(fresh_weights(random))
        adam = Adam(weights, decay=0.01)
        x = random.standard_normal((4, 40, INPUTS)).astype(np.float32)
        channels, classes = random.random((4, 20, 6), dtype=np.float32), random.integers(0, 26, (4, 20))
        errors = []
        for _ in range(15):
            tape = Tape(random)
            answers = answers_of(weights, x, tape)
            errors.append(loss(answers, channels, classes)["channels"])
            tape.walk_back()
            adam.step(lambda _: 2e-3)
        return errors

    errors = trained()
    assert errors[-1] < 0.5 * errors[0]
    assert errors == trained()


def test_a_long_recording_is_heard_in_blocks_that_pass_into_each_other():
    levels = np.random.default_rng(1).standard_normal((60, 40)).cumsum(axis=0)
    steady = -1.5 + 0.3 * np.sin(np.resize(levels, (9000, 40)))
    heard = listen(inputs(steady.astype(np.float32)))
    assert heard.embedding.shape == (4500, EMBEDDING)
    np.testing.assert_allclose(heard.classes.sum(axis=1), 1, atol=1e-4)
    # The recording repeats itself every 60 rows, so what is heard must too, wherever the blocks meet.
    later = heard.embedding[330:4200]
    assert np.abs(later[30:] - later[:-30]).max() < 0.05 * heard.embedding.std()


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_hardly_any_sound_is_heard_without_complaint(rows):
    heard = listen(inputs(np.full((rows, 40), -3, dtype=np.float32)))
    assert len(heard.channels) == rows // 2
    assert np.isfinite(heard.classes).all()


def test_dropout_keeps_the_mean_and_passes_everything_when_nothing_is_learnt():
    x = Node(np.ones((1, 200, 50), dtype=np.float32))
    assert drop(x, 0.3, None) is x
    dropped = drop(x, 0.3, Tape(np.random.default_rng(2))).value
    assert dropped.mean() == pytest.approx(1, abs=0.03)
    assert (dropped == 0).mean() == pytest.approx(0.3, abs=0.02)
