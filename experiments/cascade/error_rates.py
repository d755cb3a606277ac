"""How well a recogniser reads a corpus: error rates, attribute words that are lost, seconds, parameters.

    python experiments/cascade/error_rates.py --recogniser runs/recogniser --root data/songbirds --out wer.json

Texts are normalised as `speech2img.metrics.functional.error_rates` says. An attribute word counts as lost where a
caption says it and the transcript does not: the value of an attribute that the utterance mentions in words, as the
caption has it.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speech2img.audio.inputs import hear
from speech2img.audio.trimming import trim_silence
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.utterances import UtteranceRecord, utterances_of
from speech2img.metrics.evaluate.conditions.recordings import recorded_elsewhere
from speech2img.metrics.evaluate.conditions.registry import CONDITIONS, heard_in
from speech2img.metrics.functional.error_rates import character_edits, normalised, sentence_accuracy, word_edits
from speech2img.recognition.base import Recogniser
from speech2img.recognition.registry import open_recogniser
from speech2img.storage.atomic import write_json


def main() -> None:
    """Measure and print; write what was measured as JSON."""
    parser = argparse.ArgumentParser(description="error rates of a recogniser on a corpus")
    parser.add_argument("--recogniser", required=True, help="run or release of a recogniser, or a folder of Whisper")
    parser.add_argument("--root", type=Path, required=True, help="the corpus folder")
    parser.add_argument("--split", nargs="+", default=["test_seen"], help="splits (default test_seen)")
    parser.add_argument("--limit", type=int, default=300, help="utterances, spread evenly (default 300)")
    parser.add_argument("--conditions", default="clean", help=f"with commas between: {', '.join(CONDITIONS)}")
    parser.add_argument("--recordings", nargs="*", type=Path, default=[], help="folders of other engines' recordings")
    parser.add_argument("--beams", type=int, default=1, help="beginnings that are kept (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the conditions (default 0)")
    parser.add_argument("--out", type=Path, required=True, help="JSON file")
    args = parser.parse_args()

    # The utterances, those in voices that no training heard apart.
    recogniser = open_recogniser(args.recogniser, beams=args.beams)
    records = [record for record in utterances_of(Manifest.load(args.root), args.split) if normalised(record.text)]
    places = np.unique(np.linspace(0, len(records) - 1, min(len(records), args.limit)).astype(int))
    chosen = [records[place] for place in places]
    result: dict[str, Any] = {"recogniser": recogniser.name, "splits": args.split, "beams": args.beams, "rows": []}
    sets = [(condition, condition, chosen) for condition in args.conditions.split(",")]
    for folder in args.recordings:
        sets.append((f"clean, {folder.name}", "clean", recorded_elsewhere(records, folder, root=args.root)))
    for name, condition, spoken in sets:
        written, seconds = transcripts(recogniser, spoken, condition=condition, seed=args.seed)
        for voices, unheard in (("heard in training", False), ("unheard", True)):
            rows = [row for row, record in enumerate(spoken) if record.held_out_voice == unheard]
            if rows:
                measured = scores([spoken[row] for row in rows], [written[row] for row in rows])
                result["rows"].append({"condition": name, "voices": voices, **measured})
        result["rows"][-1]["seconds_an_utterance"] = seconds / len(spoken)
    result |= footprint(recogniser)
    write_json(args.out, result)
    print(json.dumps(result, indent=1))


def transcripts(
    recogniser: Recogniser, records: Sequence[UtteranceRecord], *, condition: str, seed: int
) -> tuple[list[str], float]:
    """What is read of utterances in a condition, one after the other as a user would, and the seconds that it took."""
    texts, seconds = [], 0.0
    for record in records:
        y = hear(heard_in(condition, record, seed=seed), sample_rate=recogniser.sample_rate).y
        begin = time.perf_counter()
        wave = trim_silence(y, recogniser.sample_rate).y
        texts.append(recogniser.transcribe([wave])[0].text)
        seconds += time.perf_counter() - begin
    return texts, seconds


def scores(records: Sequence[UtteranceRecord], written: Sequence[str]) -> dict[str, float]:
    """Error rates of some utterances, and the share of attribute words lost where the corpus knows any."""
    references = [record.text for record in records]
    words = word_edits(references, written)
    said = [(word, text) for record, text in zip(records, written, strict=True) for word in attribute_words(record)]
    lost = sum(word not in f" {normalised(text)} " for word, text in said)
    share_lost = {"attribute_words_lost": lost / len(said)} if said else {}
    return {
        "utterances": len(records),
        "wer": words.rate,
        "substitutions": words.substitutions / words.length,
        "deletions": words.deletions / words.length,
        "insertions": words.insertions / words.length,
        "cer": character_edits(references, written).rate,
        "sentences_right": sentence_accuracy(references, written),
        "attribute_words": len(said),
        **share_lost,
    }


def attribute_words(record: UtteranceRecord) -> list[str]:
    """Words of the attributes that a caption says, between blanks; values that it says in other words are left out."""
    caption = f" {normalised(record.text)} "
    words = [f" {normalised(value)} " for name, value in record.mentions.items() if name not in record.by_manner]
    return [word for word in words if word.strip() and word in caption]


def footprint(recogniser: Recogniser) -> dict[str, int]:
    """Parameters of a recogniser of ours; nothing of others."""
    network = getattr(recogniser, "network", None)
    if not isinstance(network, torch.nn.Module):
        return {}
    return {"parameters": sum(parameter.numel() for parameter in network.parameters())}


if __name__ == "__main__":
    main()
