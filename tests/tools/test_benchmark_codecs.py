"""The benchmark of codecs: every codec on the same images at every size, in one table."""

import json
import re
import subprocess
import sys
from pathlib import Path

import torch
from helpers import latent_flows, painted_corpus, program_environment

from speech2img.models.codecs.conv_autoencoder import ConvAutoencoder
from speech2img.storage.releases.writing import save_release

SCRIPT = Path(__file__).parents[2] / "tools" / "benchmark" / "codecs.py"


def test_codecs_stand_side_by_side(tmp_path: Path) -> None:
    root = painted_corpus.build(tmp_path / "corpus")
    latent_flows.small_codec(tmp_path / "published")
    torch.manual_seed(0)
    own = ConvAutoencoder(latent_channels=4, width=4, blocks=1)
    config = {"kind": "image-codec", "codec": {"network": "conv-autoencoder", "latent_channels": 4, "width": 4}}
    config["codec"]["blocks"] = 1  # type: ignore[index]
    save_release(tmp_path / "own", own.state_dict(), config, "# Codec\n")
    words = [str(tmp_path / "published"), str(tmp_path / "own"), "--root", str(root), "--sizes", "16", "64"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words, "--out", str(tmp_path / "found.json")],
        env=program_environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=True,
    )
    table = re.findall(r"^\| (\w+) \| (\d+) \| ([\d,]+) \| ([\d.]+) \|.* \| (\d+) \| [\d.]+ \|$", done.stdout, re.M)
    assert [row[:3] for row in table] == [
        ("published", "16", "128"),
        ("own", "16", "16"),
        ("published", "64", "2,048"),
        ("own", "64", "256"),
    ]
    assert all(0 < float(row[3]) < 50 and row[4] == "2" for row in table)
    found = json.loads((tmp_path / "found.json").read_text())
    assert [row[0] for row in found["rows"]] == ["published", "own"] * 2 and found["machine"]["cores"] >= 1
