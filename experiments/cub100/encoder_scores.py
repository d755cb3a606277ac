"""How well the embeddings of unheard utterances find their species: needs the extracted embeddings, no generator."""

import argparse
from pathlib import Path

import numpy as np

from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import DataError
from speech2img.features.image_features import load_features
from speech2img.features.image_head import image_space
from speech2img.features.speech_embeddings import load_embeddings
from speech2img.metrics.functional.class_centroids import (
    class_centroid_scores,
    k_way_centroid_accuracy,
    leave_one_out_centroid_accuracy,
)
from speech2img.metrics.functional.retrieval import retrieval_scores
from speech2img.metrics.functional.speech_image_retrieval import speech_image_scores
from speech2img.storage.atomic import write_json

WAYS = 12


def main() -> None:
    """Print the scores of the splits, and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the corpus")
    parser.add_argument("--embeddings", default="encoder", help="name of the embeddings (default encoder)")
    parser.add_argument("--features", default="googlenet", help="name of the teacher features (default googlenet)")
    parser.add_argument("--split", nargs="+", default=["test", "val"], help="parts of the corpus (default test val)")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args()
    manifest = Manifest.load(args.root)
    embeddings = load_embeddings(args.root, args.embeddings)
    found = load_features(args.root, args.features)
    tensors, config = embeddings.encoder_release()
    space = image_space(tensors, config, name=str(embeddings.folder))
    if space is None:
        raise DataError.about(embeddings.folder, "its encoder has no image head", "give one trained here")
    features = space.embed(found.features[:, 0])
    image_of = np.repeat(np.arange(len(manifest.items)), [len(item.captions) for item in manifest.items])
    classes = np.array([item.class_id for item in manifest.items])
    unheard = np.array([caption.held_out_voice for item in manifest.items for caption in item.captions])
    result: dict[str, object] = {
        "encoder_sha256": embeddings.sha256,
        "teacher_sha256": found.sha256,
        "encoder_best_step": config.get("best_step"),
        "protocol": "all utterances and photographs of a split; photographs: first view of the teacher"
        f"{', ' if space.what else ''}{space.what}; "
        "centroid: a photograph against the mean embedding of each species' utterances; "
        "teacher_ceiling: a photograph against the mean features of its species' other photographs (cosine)",
    }
    names = [item.id for item in manifest.items]
    for split in args.split:
        rows = np.array([row for row, item in enumerate(manifest.items) if item.split == split])
        spoken = np.isin(image_of, rows)
        result[split] = _scores(
            features[rows],
            classes[rows],
            rows,
            embeddings.embeddings[spoken],
            image_of[spoken],
            classes[image_of[spoken]],
        )
        found_by = speech_image_scores(
            embeddings.embeddings[spoken],
            [names[row] for row in image_of[spoken]],
            features[rows],
            [names[row] for row in rows],
            classes[rows].tolist(),
            num_bootstrap=0,
        )
        result[f"{split}, as S2IGAN"] = {score.name: round(score.value, 4) for score in found_by}
        if unheard[spoken].any():
            part = spoken & unheard
            result[f"{split}, unheard voices"] = _scores(
                features[rows],
                classes[rows],
                rows,
                embeddings.embeddings[part],
                image_of[part],
                classes[image_of[part]],
            )
    write_json(args.out, result)
    print(args.out.read_text(encoding="utf-8"))


def _scores(
    features: np.ndarray,
    classes: np.ndarray,
    rows: np.ndarray,
    speech: np.ndarray,
    about: np.ndarray,
    spoken: np.ndarray,
) -> dict[str, float]:
    """All scores of one group of utterances, rounded to four digits."""
    dot = class_centroid_scores(features, classes.tolist(), speech, spoken.tolist())
    cosine = class_centroid_scores(features, classes.tolist(), speech, spoken.tolist(), metric="cosine")
    recall = retrieval_scores(speech, features, about.tolist(), rows.tolist(), ks=(1, 10)).recall
    scores = {
        "species": dot.num_classes,
        "photographs": dot.num_images,
        "utterances": len(speech),
        "centroid_dot_as_published": dot.accuracy,
        "centroid_cosine": cosine.accuracy,
        "ap_at_50_dot": dot.precision_at_k,
        "speech_to_speech_centroid": leave_one_out_centroid_accuracy(speech, spoken.tolist(), about.tolist()),
        "recall_at_1_own_photograph": recall[1],
        "recall_at_10_own_photograph": recall[10],
        "teacher_ceiling": leave_one_out_centroid_accuracy(features, classes.tolist(), rows.tolist()),
        "chance": 1 / dot.num_classes,
    }
    if dot.num_classes > WAYS:
        scores[f"centroid_cosine_{WAYS}_way"] = k_way_centroid_accuracy(
            features, classes.tolist(), speech, spoken.tolist(), ways=WAYS, metric="cosine"
        )[0]
    return {name: round(float(value), 4) for name, value in scores.items()}


if __name__ == "__main__":
    main()
