"""What reaches a photograph's generator: how well what models hear of captions names the species, before any painting.

    python experiments/cascade/species_heard.py --root data/cub100 --models cub runs/cascade-cub --out species.json

An utterance counts as right where, of the photographs' mean features of all species of its part (standardised as the
direct model learned them), those of its own species are the nearest to what a model makes of it, by cosine. All models
must give embeddings of the same space, as those behind one generator do. Models that read are given the captions; an
utterance in which nothing was recognised is wrong. Intervals of 95 % by resampling utterances.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.utterances import UtteranceRecord, utterances_of
from speech2img.errors import AudioError, ConfigError
from speech2img.features.image_features import load_features
from speech2img.features.image_head import image_space
from speech2img.metrics.evaluate.conditions.recordings import recorded_elsewhere
from speech2img.metrics.evaluate.conditions.registry import CONDITIONS, heard_in
from speech2img.metrics.evaluate.model_groups import choose_utterances
from speech2img.metrics.functional.bootstrap import mean_interval
from speech2img.pipeline import SpeechToImage
from speech2img.storage.atomic import write_json
from speech2img.storage.progress import track
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.release import load_release


def main() -> None:
    """Measure and print; write what was measured as JSON."""
    parser = argparse.ArgumentParser(description="species named by what models hear, before any painting")
    parser.add_argument("--root", type=Path, required=True, help="the corpus folder")
    parser.add_argument("--models", nargs="+", required=True, help="shipped weights, run or release folders")
    parser.add_argument("--space", default="cub", help="direct model in whose space all are (default cub)")
    parser.add_argument("--features", default="googlenet", help="name of the pictures' features (default googlenet)")
    parser.add_argument("--split", default="test", help="part of the corpus (default test)")
    parser.add_argument("--limit", type=int, default=300, help="utterances, spread evenly (default 300)")
    parser.add_argument("--conditions", default="clean", help=f"with commas between: {', '.join(CONDITIONS)}")
    parser.add_argument("--recordings", nargs="*", type=Path, default=[], help="folders of other engines' recordings")
    parser.add_argument("--seed", type=int, default=0, help="of the choice and the conditions (default 0)")
    parser.add_argument("--out", type=Path, required=True, help="JSON file")
    args = parser.parse_args()

    # Mean picture of each species of the part, where speech learned to meet it.
    manifest = Manifest.load(args.root)
    species, means = mean_pictures(manifest, args.split, features=args.features, space=args.space)

    # The same utterances for all models: as recorded, in conditions, and in other engines' recordings.
    records = utterances_of(manifest, [args.split])
    chosen = choose_utterances(records, count=args.limit, seed=args.seed)
    sets = {name: (chosen, name) for name in args.conditions.split(",")}
    for folder in args.recordings:
        sets[folder.name] = (recorded_elsewhere(records, folder, root=args.root), "clean")
    rows: list[dict[str, Any]] = []
    for model in args.models:
        pipe = SpeechToImage.load(model, device="cpu")
        for name, (spoken, condition) in sets.items():
            embeddings = embedded(pipe, spoken, condition=condition, seed=args.seed)
            right = nearest(embeddings, means) == np.array([species.index(one.class_id) for one in spoken])
            low, high = mean_interval(right.astype(np.float64), num_bootstrap=1000, seed=args.seed) or (None, None)
            row = {"model": model, "recordings": name, "utterances": len(spoken), "right": float(right.mean())}
            row |= {"low": low, "high": high, "unread": int(np.isnan(embeddings[:, 0]).sum())}
            rows.append(row)
            print(json.dumps(row), flush=True)
            if pipe.reads_text:
                break  # captions are the same however they are spoken
    write_json(args.out, {"split": args.split, "seed": args.seed, "chance": 1 / len(species), "rows": rows})


def mean_pictures(manifest: Manifest, split: str, *, features: str, space: str) -> tuple[list[int], np.ndarray]:
    """Classes of a part of the corpus, and of each the mean of its pictures' features in the space of a model."""
    tensors, config = load_release(find_release(space))
    found, there = load_features(manifest.root, features), image_space(tensors, config, name=space)
    if there is None:
        raise ConfigError.about("--space", f"{space} does not hold what its speech learned to meet", "name another")
    places = [place for place, item in enumerate(manifest.items) if item.split == split]
    classes = np.array([manifest.items[place].class_id for place in places])
    embedded_pictures = there.embed(found.features[places, 0])
    species = sorted(set(classes.tolist()))
    return species, np.stack([embedded_pictures[classes == one].mean(axis=0) for one in species])


def embedded(pipe: SpeechToImage, records: Sequence[UtteranceRecord], *, condition: str, seed: int) -> np.ndarray:
    """Embeddings (N, D) of utterances, NaN where nothing was recognised; a model that reads is given the captions."""
    if pipe.reads_text:
        return pipe.encode_texts([record.text for record in records]).sentences

    def leave_out(place: int, error: AudioError) -> None:
        print(f"{records[place].id}: {error}")

    spoken = (heard_in(condition, record, seed=seed) for record in track(records, what=condition, unit="utt"))
    return pipe.encode_speech(spoken, frames=False, on_error=leave_out).sentences


def nearest(embeddings: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Place of the mean that is nearest by cosine; -1 for embeddings that are NaN."""
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    found: np.ndarray = np.where(
        np.isnan(embeddings).any(axis=1), -1, np.nan_to_num(embeddings @ unit.T).argmax(axis=1)
    )
    return found


if __name__ == "__main__":
    main()
