"""Seconds from a recording to the embedding and to the image, parameters and peak memory, of models in turn.

    python experiments/cascade/latency.py --root data/songbirds --models songbirds runs/cascade/cascade --out out.json

Each model runs in a process of its own, on one thread; the first call is not counted.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.utterances import utterances_of
from speech2img.pipeline import SpeechToImage
from speech2img.storage.atomic import write_json


def main() -> None:
    """Measure each model in a process of its own, or one of them in this."""
    parser = argparse.ArgumentParser(description="latency, parameters and memory of models")
    parser.add_argument("--root", type=Path, required=True, help="the corpus folder")
    parser.add_argument("--models", nargs="+", required=True, help="shipped weights, run or release folders")
    parser.add_argument("--split", default="test_seen", help="split of the recordings (default test_seen)")
    parser.add_argument("--count", type=int, default=12, help="recordings (default 12)")
    parser.add_argument("--out", type=Path, help="JSON file; without it the measurement of one model is printed")
    args = parser.parse_args()
    if args.out is None:
        print(json.dumps(measure(args.models[0], args.root, split=args.split, count=args.count)))
        return
    rows = []
    for model in args.models:
        words = ["--root", str(args.root), "--models", model, "--split", args.split, "--count", str(args.count)]
        done = subprocess.run([sys.executable, __file__, *words], check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1])
    write_json(args.out, {"rows": rows})


def measure(model: str, root: Path, *, split: str, count: int) -> dict[str, Any]:
    """Medians over recordings, each by itself."""
    torch.set_num_threads(1)
    paths = [record.audio for record in utterances_of(Manifest.load(root), [split])][: count + 1]
    pipe = SpeechToImage.load(model, device="cpu")
    pipe(paths[0])
    encode, whole = [], []
    for path in paths[1:]:
        begin = time.process_time()
        pipe.encode(path)
        encode.append(time.process_time() - begin)
        begin = time.process_time()
        pipe(path)
        whole.append(time.process_time() - begin)
    networks = [pipe.encoder, pipe.require_generator()]
    return {
        "model": model,
        "cpu_seconds_to_embedding": float(np.median(encode)),
        "cpu_seconds_to_image": float(np.median(whole)),
        "parameters": sum(parameter.numel() for network in networks for parameter in network.parameters()),
        "encoder_parameters": sum(parameter.numel() for parameter in pipe.encoder.parameters()),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


if __name__ == "__main__":
    main()
