"""What a model costs to have and to use, written beside its report for the leaderboard: parameters, time to paint.

    python experiments/benchmark/system_facts.py MODEL --root data/benchmark --out REPORT [--title T] [--hours H]

Writes REPORT/system.json. Time to paint is that of one picture from one embedding, and 64 frames where it looks at
frames: the median of ten, with one thread.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

FACTS = "system.json"
ROUNDS = 10
FRAMES = 64


def facts_of(pipe: Any, *, title: str, hours: float | None) -> dict[str, Any]:
    """Parameters and seconds a picture of a pipeline that paints from embeddings."""
    import numpy as np
    from torch import nn

    from speech2img.encoded_speech import EncodedSpeech

    modules = [value for value in vars(pipe).values() if isinstance(value, nn.Module)]
    count = sum(parameter.numel() for module in modules for parameter in module.parameters())
    draws, size = np.random.default_rng(0), pipe.sampler.embedding_dim
    embedding = draws.standard_normal((1, size)).astype(np.float32)
    frames = [draws.standard_normal((FRAMES, size)).astype(np.float32)] if pipe.needs_frames else None
    speech = EncodedSpeech(embedding, frames)
    seconds = []
    for seed in range(ROUNDS + 1):
        started = time.perf_counter()
        pipe.generate(speech, seed=seed)
        seconds.append(time.perf_counter() - started)
    # The first one makes ready what the others use.
    return {
        "title": title,
        "parameters": count,
        "seconds_a_picture": statistics.median(seconds[1:]),
        "processor_hours": hours,
        "weights_sha256": pipe.weights_sha256,
    }


def main() -> int:
    """Load the model, count, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--root", type=Path, help="not used; the jobs of a list look alike with it")
    parser.add_argument("--out", type=Path, required=True, help="folder of its report")
    parser.add_argument("--title", help="name in the table (default: that of the model's folder)")
    parser.add_argument("--hours", type=float, help="processor hours that its training took")
    args = parser.parse_args()
    import torch

    from speech2img.errors import Speech2ImgError
    from speech2img.generation import EmbeddingsToImage
    from speech2img.storage.atomic import write_json
    from speech2img.storage.releases.release_name import release_name

    torch.set_num_threads(1)
    try:
        pipe = EmbeddingsToImage.load(args.model, device="cpu")
        found = facts_of(pipe, title=args.title or release_name(args.model), hours=args.hours)
        write_json(args.out / FACTS, found)
    except Speech2ImgError as error:
        parser.exit(error.exit_code, f"system_facts: {error}\n")
    print(f"{args.out / FACTS}: {found['parameters']:,} parameters, {found['seconds_a_picture']} s a picture")
    return 0


if __name__ == "__main__":
    sys.exit(main())
