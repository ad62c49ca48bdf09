"""Every file of weights is what the registry says it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import lipsync

FOLDER = Path(lipsync.__file__).parent / "weights"


def test_the_registry_names_every_file_with_its_hash_and_licence():
    entries = {entry["file"]: entry for entry in json.loads((FOLDER / "registry.json").read_text())}
    assert set(entries) == {path.name for path in FOLDER.glob("*.npz")}
    for name, entry in entries.items():
        content = (FOLDER / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["size"], entry["sha256"]), name
        assert entry["licence"], name
        assert (FOLDER.parent.parent / entry["used_by"]).exists(), name
    heard = ("speech_network.npz", "generic_network.npz")
    assert sum(entries[name]["size"] for name in heard) <= 1_500_000
