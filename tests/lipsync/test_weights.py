"""Every file of weights is what the registry says it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import lipsync
from lipsync import weights

FOLDER = Path(lipsync.__file__).parent / "weights"


def test_the_registry_names_every_file_with_its_hash_and_licence():
    known = json.loads((FOLDER / "registry.json").read_text())
    entries = {entry["file"]: entry for entry in known if entry.get("shipped")}
    assert set(entries) == {path.name for path in FOLDER.glob("*.npz")}
    for name, entry in entries.items():
        content = (FOLDER / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["size"], entry["sha256"]), name
        assert entry["licence"], name
        assert (FOLDER.parent.parent / entry["used_by"]).exists(), name
    heard = ("speech_network.npz", "generic_network.npz")
    assert sum(entries[name]["size"] for name in heard) <= 1_500_000


def test_published_weights_are_told_with_all_that_must_be_known_of_them():
    published = [one for one in weights.registry().values() if not one.shipped]
    assert {one.architecture for one in published} == {"wav2lip", "gfpgan", "fan"}
    for one in published:
        assert len(one.sha256) == 64 and one.licence and one.page.startswith("https://"), one.name
        assert (FOLDER.parent.parent / one.used_by).exists(), one.name
    assert not any(one.commercial_use for one in published if one.architecture == "wav2lip")
