"""What a text encoder makes of the true captions, as stored embeddings: the upper bound of every cascade with it.

python experiments/cascade/read_captions.py --text-encoder runs/text --root data/songbirds --name captions
speech2img evaluate --model songbirds --embeddings captions --root data/songbirds --split test_seen
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import CheckpointError
from speech2img.features.speech_embeddings import write_embeddings
from speech2img.models.text_encoders.registry import build_text_encoder
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_release, release_sha256, strip_prefix
from speech2img.storage.releases.writing import copy_release

AT_ONCE = 64


def main() -> None:
    """Read every caption of a corpus and write the embeddings."""
    parser = argparse.ArgumentParser(description="embeddings of the true captions")
    parser.add_argument("--text-encoder", required=True, help="run or release of a text encoder")
    parser.add_argument("--root", type=Path, required=True, help="the corpus folder")
    parser.add_argument("--name", default="captions", help="what the embeddings are called (default captions)")
    args = parser.parse_args()

    # The text encoder.
    source = find_release(args.text_encoder)
    tensors, config = load_release(source)
    if config.get("kind") != "text-encoder":
        raise SystemExit(str(CheckpointError.about(source, "is no text encoder", "give a run of 'train text-encoder'")))
    state = strip_prefix(tensors, "text_encoder.")
    network = build_network(build_text_encoder, config.get("text_encoder"), state, name=str(source)).eval()

    # Every caption.
    manifest = Manifest.load(args.root)
    texts = [caption.text for item in manifest.items for caption in item.captions]
    with torch.inference_mode():
        parts = [
            network.encode(texts[first : first + AT_ONCE]).sentence.float().numpy()
            for first in range(0, len(texts), AT_ONCE)
        ]
    folder = write_embeddings(
        manifest,
        np.concatenate(parts),
        name=args.name,
        lengths=np.ones(len(texts), dtype=np.int64),
        sha256=release_sha256(source),
        mel_preset="whisper",
    )
    copy_release(source, folder / "encoder")
    print(folder)


if __name__ == "__main__":
    main()
