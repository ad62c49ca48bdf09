"""The engines by their names, and what may restore their mouths."""

from __future__ import annotations

from pathlib import Path

from lipsync.contracts import ENGINES, ENHANCERS, TRACKERS, RenderOptions, RenderReport, Reporter
from lipsync.errors import EnvironmentFault, UnusableInput
from lipsync.restored import Restored
from lipsync.resynth import Resynth
from lipsync.stages import Method, make_video
from lipsync.wav2lip import Wav2Lip


def render(clip: Path, voice: Path, output: Path, options: RenderOptions, report: Reporter) -> RenderReport:
    """Make the person in `clip` say what `voice` says, by the engine of the options; see `stages.make_video`.

    Raises also UnusableInput (`unknown_engine`, `unknown_enhancer`, `unknown_tracker`, `unknown_weights`, `unknown_device`,
    `unknown_precision`), EnvironmentFault (`torch_missing`, `weights_missing`, `weights_damaged`, `licence_forbidden`,
    `no_such_device`, `gpu_lost`).
    """
    method = method_of(options)
    try:
        return make_video(clip, voice, output, options, report, method)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise EnvironmentFault(
            "torch_missing", "What was chosen needs torch. Run: pip install -r requirements/gpu.txt"
        ) from error


def method_of(options: RenderOptions) -> Method:
    """What the options ask for. Raises UnusableInput and EnvironmentFault, see `render`."""
    named = (
        (options.engine, ENGINES, "engine"),
        (options.enhancer, ("", *ENHANCERS), "enhancer"),
        (options.tracker, TRACKERS, "tracker"),
    )
    for value, known, what in named:
        if value not in known:
            choices = ", ".join(name for name in known if name)
            raise UnusableInput(f"unknown_{what}", f"There is no {what} named {value}. Choose one of: {choices}.")
    method: Method = Resynth()
    if options.engine == "wav2lip":
        method = Wav2Lip(options.weights, options.device, options.precision)
    return Restored(method, options.device, options.precision) if options.enhancer else method
