"""How good the picture is: `make bench-picture`, or `python -m tests.benchmarks.picture [take ...]`.

Every talking take is driven by its own lips of another moment and judged again. A table is printed; the figures as JSON and
contact sheets are written under media/benchmarks/.
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from lipsync.faces.pose import DoubleArray
from lipsync.media import Frame, FrameReader, FrameWriter, probe_clip
from lipsync.threads import one_thread
from tests.benchmarks import painting
from tests.benchmarks.drive import Driven, Looked, drive, looked_at
from tests.benchmarks.judges import Judgement, by_dlib, by_mediapipe, openings
from tests.benchmarks.sheets import Sheets
from tests.benchmarks.texture import FixedShape, flicker

ROOT = Path(__file__).parents[2]
CLIPS = ROOT.parent / "shared" / "clips"
TAKES = (
    "anchor_de_20s_512.mp4",
    "anchor_en_71s_512.mp4",
    "head_en_5s_524.mp4",
    "head_en_5s_844.mp4",
    "head_en_7s_700.mp4",
    "phone_zh_12s_544x960_vfr.mp4",
    "portrait_10s_1080x1920.mp4",
    "portrait_beard_20s_1080x1920.mp4",
    "room_en_5s_1080p.mp4",
    "turning_ja_20s_720p.mp4",
    "grid/grid_bbaf2n.mpg",
    "grid/grid_sbwe5n.mpg",
)
CLOSED_PERCENTILE = 15
CLOSED_IOD = 0.02
Figures = dict[str, float]


def table(takes: list[Path], folder: Path) -> list[dict[str, object]]:
    """One row of figures per take; videos and sheets are left in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for take in takes:
        with tempfile.TemporaryDirectory() as landmarks:
            row = {name: round(value, 4) for name, value in figures(looked_at(take, Path(landmarks)), folder).items()}
        rows.append({"take": take.stem, **row})
        show(rows[-1:], header=len(rows) == 1)
    return rows


def figures(looked: Looked, folder: Path) -> Figures:
    """Everything measured on one take."""
    name = looked.clip.stem
    sheets = Sheets.of(looked)
    output = folder / f"{name}.mp4"
    cross = drive(looked, output, cross=True, see=sheets.see)
    sheets.write(folder, name, cross)
    again = drive(looked, folder / f"{name}-self.mp4", cross=False)
    (folder / f"{name}-self.mp4").unlink()
    return {
        **followed(looked, cross, output),
        **steadiness(looked, cross),
        **picture(cross),
        "psnr": float(np.mean(again.psnr)),
        "ssim": float(np.mean(again.ssim)),
        "retrieve_ms": cross.retrieve_ms,
        "wish_ms": float(np.mean(cross.wish_ms)),
        "paint_ms": float(np.median(cross.paint_ms)),
    }


def followed(looked: Looked, driven: Driven, output: Path) -> Figures:
    """Does the mouth do what was wanted, and as steadily as the camera's? Judged on the encoded video."""
    weight, count = looked.space.weight, len(driven.base)
    counted = (weight[driven.base] >= 1) & (weight[driven.truth] >= 1)
    result, film = FrameReader(output, probe_clip(output)), FrameReader(looked.clip, looked.facts)
    judged = by_mediapipe(result.forward(0, count))
    real = by_mediapipe(film.forward(0, count))
    wanted = openings(driven.wanted / driven.unit[:, None, None])
    found = {f"mp_{key}": value for key, value in _agreement(judged, wanted, counted).items()}
    found["mp_steady"] = _steady(judged, real, counted)
    with tempfile.TemporaryDirectory() as folder:
        again = by_mediapipe(shifted(looked, Path(folder) / "again.mp4", count))
    seen = ~np.isnan(real.aperture) & ~np.isnan(again.aperture)
    found["mp_limit_aperture_r"] = float(np.corrcoef(real.aperture[seen], again.aperture[seen])[0, 1])
    found["mp_limit_width_r"] = float(np.corrcoef(real.width[seen], again.width[seen])[0, 1])
    whole = by_dlib(film.forward(0, count))
    judged = by_dlib(result.forward(0, count))
    wanted = (whole.aperture[driven.truth], whole.width[driven.truth])
    found |= {f"dlib_{key}": value for key, value in _agreement(judged, wanted, counted).items()}
    still = Judgement(whole.aperture[driven.base], whole.width[driven.base], whole.lips[driven.base])
    found["dlib_steady"] = _steady(judged, still, counted)
    return found


def shifted(looked: Looked, path: Path, count: int) -> Iterator[Frame]:
    """The film itself, moved by two samples and encoded like a result: how far the judge agrees with itself."""
    film = FrameReader(looked.clip, looked.facts).forward(0, count)
    with FrameWriter(path, looked.facts, sound=None) as writer:
        for frame in film:
            for plane, step in ((frame.y, 2), (frame.u, 1), (frame.v, 1)):
                plane[:, step:] = plane[:, :-step].copy()
            writer.write(frame)
        writer.finish()
    yield from FrameReader(path, probe_clip(path)).forward(0, count)


def _agreement(judged: Judgement, wanted: tuple[DoubleArray, DoubleArray], counted: np.ndarray) -> Figures:
    aperture, width = wanted
    good = counted & ~np.isnan(judged.aperture) & ~np.isnan(aperture)
    error = np.abs(judged.aperture - aperture)[good]
    closed = aperture[good] <= np.percentile(aperture[good], CLOSED_PERCENTILE)
    return {
        "aperture_r": float(np.corrcoef(judged.aperture[good], aperture[good])[0, 1]),
        "width_r": float(np.corrcoef(judged.width[good], width[good])[0, 1]),
        "error": float(error.mean()),
        "closed_error": float(error[closed].mean()),
        "closed_within": float((error[closed] <= CLOSED_IOD).mean()),
    }


def _steady(judged: Judgement, real: Judgement, counted: np.ndarray) -> float:
    ours, camera = judged.unsteadiness, real.unsteadiness
    good = counted & ~np.isnan(ours) & ~np.isnan(camera)
    return float(ours[good].mean() / camera[good].mean())


def steadiness(looked: Looked, driven: Driven) -> Figures:
    """Flicker of lips and teeth from frame to frame, the result's over the take's."""
    shape = FixedShape.of(looked.space.pixels(np.array([looked.wide]))[0])
    ours, real = (
        flicker(skins, openings(looked.space.shapes[numbers].astype(np.float64))[0], shape)
        for skins, numbers in ((driven.skins, driven.truth), (driven.true_skins, driven.base))
    )
    cuts = np.mean([len(frame.mouths) > 1 for frame in driven.borrowed])
    return {**{f"flicker_{name}": ours[name] / max(real[name], 1e-6) for name in ours}, "fading_share": float(cuts)}


def picture(driven: Driven) -> Figures:
    """Sharpness, and what is changed where; measured before encoding."""
    # The result has the truth's lips: their own sharpness is what it is held against.
    ours, true = np.array(driven.sharpness), np.array(driven.true_sharpness)[driven.truth]
    return {
        "sharpness": float(np.exp(np.median(ours) - np.median(true))),
        "sharpness_low": float(np.exp(np.percentile(ours, 5) - np.percentile(true, 5))),
        "sharpness_same": float(np.exp(np.median(ours - true))),
        "outside": float(max(driven.changed_outside)),
        "changed_share": float(np.mean(driven.changed_share)),
        "moved": float(np.mean(driven.moved)),
        "edge_shift": float(np.abs(driven.edge_shift).mean()),
        "edge_shift_most": float(np.abs(driven.edge_shift).max()),
    }


def show(rows: list[dict[str, object]], *, header: bool = True) -> None:
    """Print rows as a table."""
    names = list(rows[0])
    for row in [{name: name for name in names}, *rows] if header else rows:
        sys.stdout.write(" | ".join(str(row[name]) for name in names) + "\n")
    sys.stdout.flush()


def main(wanted: list[str]) -> None:
    takes = [CLIPS / name for name in TAKES if (CLIPS / name).exists() and (not wanted or Path(name).stem in wanted)]
    if not takes:
        sys.stdout.write("skipped: the real takes are not beside the project\n")
        return
    now = datetime.now(UTC)
    folder = ROOT / "media" / "benchmarks" / f"picture-{now:%Y-%m-%d-%H%M%S}"
    with one_thread():
        rows = table(takes, folder)
        numbers = [name for name in rows[0] if name != "take"]
        means = {name: round(float(np.nanmean([float(str(row[name])) for row in rows])), 4) for name in numbers}
        rows.append({"take": "mean", **means})
        show(rows[-1:], header=False)
        with tempfile.TemporaryDirectory() as landmarks:
            costs = painting.table(CLIPS, Path(landmarks))
    show(costs)
    machine = f"{platform.machine()}, {platform.python_version()}"
    result = {"date": now.isoformat(timespec="seconds"), "machine": machine, "picture": rows, "cost": costs}
    (folder / "picture.json").write_text(json.dumps(result, indent=2))
    sys.stdout.write(f"\nwritten to {folder.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
