"""Speak the training texts without teacher forcing and ask librosa what the sound is most like.

Three questions, each to MFCC (12, without loudness) and dynamic time warping of librosa, on waveforms only:
which of the recordings is nearest to each spoken text; which word of all recordings is nearest to each spoken word;
and the same for Griffin-Lim of the true frames, the best that the vocoder allows.
"""

import argparse
import re
from pathlib import Path
from typing import Any, NamedTuple

import librosa
import numpy as np
import torch
from PIL import Image

from speech2img.audio.io import read_audio
from speech2img.audio.mel import log_mel, mel_preset
from speech2img.audio.wav import write_wav
from speech2img.corpora.readers.ljspeech import read_clips
from speech2img.images.grid import save_grid
from speech2img.models.tts.alignment import AlignmentScores, alignment_scores
from speech2img.models.tts.inference import speak_texts
from speech2img.models.tts.tacotron2 import Tacotron2
from speech2img.storage.atomic import write_json
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import load_weights
from speech2img.storage.releases.release import load_release
from speech2img.training.tacotron2.data import ClipBatches
from speech2img.training.tacotron2.plots import alignment_image, mel_image
from speech2img.tts.tacotron2.griffin_lim import GriffinLim
from speech2img.tts.tacotron2.symbols import ids_to_text

PRESET = mel_preset("tacotron2")
HOP = PRESET.hop_length


class Word(NamedTuple):
    """A word and its MFCC frames."""

    text: str
    mfcc_CT: np.ndarray


def main() -> None:
    """Write ``numbers.json``, pictures and the spoken clips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="run or release folder of the voice")
    parser.add_argument("--root", type=Path, required=True, help="clips in the layout of LJ Speech")
    parser.add_argument("--out", type=Path, required=True, help="folder of pictures and numbers")
    parser.add_argument("--wavs", type=Path, required=True, help="folder of the spoken clips")
    parser.add_argument("--seed", type=int, default=0, help="of the prenet's noise")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    tensors, config = load_release(find_release(args.model))
    network = Tacotron2(**config["tacotron2"]).eval()
    load_weights(network, tensors, name=args.model)
    per_step = network.decoder.frames_per_step
    clips = read_clips(args.root)
    batches = ClipBatches(
        clips, preset=PRESET.name, cleaner=config["cleaner"], frames_per_step=per_step, batch_size=1, seed=0
    )
    batch = batches.take(np.arange(len(clips)))
    texts = [batch.ids_BS[row, :count] for row, count in enumerate(batch.lengths_B.tolist())]
    with torch.no_grad():
        forced = network(batch.ids_BS, batch.lengths_B, batch.mel_BMT, batch.mel_lengths_B)
    spoken = speak_texts(network, texts, [args.seed + row for row in range(len(texts))], max_steps=600)

    vocoder = GriffinLim(PRESET)
    args.wavs.mkdir(parents=True, exist_ok=True)
    args.out.mkdir(parents=True, exist_ok=True)
    recordings, sounds, ceilings, true_words, spoken_words, ceiling_words = [], [], [], [], [], []
    for row, clip in enumerate(clips):
        y = read_audio(clip.path, sample_rate=PRESET.sample_rate)
        steps = int(batch.mel_lengths_B[row]) // per_step
        alignment = forced.alignment_BTS[row, :steps, : len(texts[row])]
        sound = vocoder(spoken[row].mel_MT)
        ceiling = vocoder(torch.from_numpy(log_mel(y, preset=PRESET)))
        write_wav(args.wavs / f"{clip.name}.wav", sound / max(1.0, float(np.abs(sound).max())), sample_rate=22_050)
        recordings.append(mfcc(y))
        sounds.append(mfcc(sound))
        ceilings.append(mfcc(ceiling))
        true_words.append(words(texts[row], alignment, recordings[-1], per_step))
        spoken_words.append(words(texts[row], spoken[row].alignment_TS, sounds[-1], per_step))
        ceiling_words.append(words(texts[row], alignment, ceilings[-1], per_step))

    numbers = {
        "step": config["step"],
        "frames_per_step": per_step,
        "stopped": [utterance.stopped for utterance in spoken],
        "seconds": [
            [round(utterance.mel_MT.shape[1] * HOP / 22_050, 2) for utterance in spoken],
            [round(y.shape[1] * HOP / 22_050, 2) for y in recordings],
        ],
        "attention": {
            "teacher_forced": mean_scores(
                [
                    forced.alignment_BTS[row, : int(batch.mel_lengths_B[row]) // per_step, : len(texts[row])]
                    for row in range(len(clips))
                ]
            ),
            "free": mean_scores([utterance.alignment_TS for utterance in spoken]),
        },
        "log_mel_l1": mel_errors(batch, forced.refined_BMT, [utterance.mel_MT.numpy() for utterance in spoken]),
        "clips": nearest_clips(sounds, recordings),
        "clips_ceiling": nearest_clips(ceilings, recordings),
        "words": nearest_words(spoken_words, true_words),
        "words_ceiling": nearest_words(ceiling_words, true_words),
        "words_of_shuffled_texts": nearest_words(shuffled(spoken_words), true_words),
    }
    write_json(args.out / "numbers.json", numbers)
    for name, value in numbers.items():
        shown = {key: part for key, part in value.items() if key != "distances"} if isinstance(value, dict) else value
        print(name, shown)
    pictures = same_size(
        [
            alignment_image(utterance.alignment_TS.numpy(), title=f"{clip.name}, free")
            for utterance, clip in zip(spoken, clips, strict=True)
        ]
    )
    alignment_image(spoken[0].alignment_TS.numpy(), title=f"attention, {clips[0].name}, free").save(
        args.out / "attention.png", optimize=True
    )
    save_grid(args.out / "attention_all.png", pictures, 4)
    true = batch.mel_BMT[0, :, : int(batch.mel_lengths_B[0])].numpy()
    save_grid(
        args.out / "mel.png",
        [
            mel_image(true, title=f"{clips[0].name}, recorded"),
            mel_image(spoken[0].mel_MT.numpy(), title=f"{clips[0].name}, spoken from its text"),
        ],
        1,
    )


def same_size(pictures: list[Image.Image]) -> list[np.ndarray]:
    """Pictures on white sheets as large as the largest of them."""
    sheets = [
        Image.new("RGB", tuple(max(sizes) for sizes in zip(*(p.size for p in pictures), strict=True)), "white")
        for _ in pictures
    ]
    for sheet, picture in zip(sheets, pictures, strict=True):
        sheet.paste(picture, (0, sheet.height - picture.height))
    return [np.asarray(sheet) for sheet in sheets]


def mfcc(y: np.ndarray) -> np.ndarray:
    """MFCC 1 to 12 of a waveform, each with mean 0 and deviation 1 over the clip [shape=(12, frames)]."""
    values = librosa.feature.mfcc(y=y, sr=PRESET.sample_rate, n_mfcc=13, hop_length=HOP, n_fft=1024)[1:]
    normal: np.ndarray = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    return normal


def distance(ours_CT: np.ndarray, theirs_CT: np.ndarray) -> float:
    """Mean distance along the best path."""
    costs, path = librosa.sequence.dtw(ours_CT, theirs_CT)
    return float(costs[-1, -1] / len(path))


def words(ids: torch.Tensor, alignment_TS: torch.Tensor, mfcc_CT: np.ndarray, per_step: int) -> list[Word]:
    """Cut a clip into its words where the attention read them."""
    text = ids_to_text(ids.tolist())
    position_T = alignment_TS.argmax(dim=1).numpy()
    found = []
    for match in re.finditer(r"[a-z]+", text):
        steps = np.flatnonzero((position_T >= match.start()) & (position_T < match.end()))
        if len(steps):
            found.append(Word(match[0], mfcc_CT[:, steps[0] * per_step : (steps[-1] + 1) * per_step]))
    return [word for word in found if word.mfcc_CT.shape[1] > 1]


def nearest_clips(sounds: list[np.ndarray], recordings: list[np.ndarray]) -> dict[str, Any]:
    """How many clips have their own recording nearest, and by how much."""
    distances = np.array([[distance(sound, recording) for recording in recordings] for sound in sounds])
    others = distances + np.where(np.eye(len(sounds), dtype=bool), np.inf, 0.0)
    return {
        "right": int((distances.argmin(axis=1) == np.arange(len(sounds))).sum()),
        "of": len(sounds),
        "own": round(float(distances.diagonal().mean()), 3),
        "nearest_other": round(float(others.min(axis=1).mean()), 3),
        "smallest_ratio": round(float((others.min(axis=1) / distances.diagonal()).min()), 3),
        "distances": distances.round(3).tolist(),
    }


def nearest_words(spoken: list[list[Word]], recorded: list[list[Word]]) -> dict[str, Any]:
    """How many spoken words are nearest to a recording of the same word, among all words of all recordings."""
    candidates = [word for clip in recorded for word in clip]
    asked = [word for clip in spoken for word in clip]
    right = chance = 0.0
    for word in asked:
        costs = [distance(word.mfcc_CT, candidate.mfcc_CT) for candidate in candidates]
        right += candidates[int(np.argmin(costs))].text == word.text
        chance += np.mean([candidate.text == word.text for candidate in candidates])
    return {
        "accuracy": round(right / len(asked), 3),
        "chance": round(float(chance) / len(asked), 3),
        "words": len(asked),
        "different": len({word.text for word in candidates}),
    }


def shuffled(spoken: list[list[Word]]) -> list[list[Word]]:
    """The same sounds under the names of other words: what the measure gives when the words are wrong."""
    every = [word for clip in spoken for word in clip]
    order = np.random.default_rng(0).permutation(len(every))
    return [[Word(word.text, every[other].mfcc_CT) for word, other in zip(every, order, strict=True)]]


def mean_scores(alignments: list[torch.Tensor]) -> dict[str, float]:
    """Means over the clips."""
    scores = [alignment_scores(alignment) for alignment in alignments]
    return {
        name: round(float(np.mean([getattr(score, name) for score in scores])), 4) for name in AlignmentScores._fields
    }


def mel_errors(batch: Any, refined_BMT: torch.Tensor, spoken: list[np.ndarray]) -> dict[str, float]:
    """Mean absolute difference of log-mel frames: teacher-forced, free along the best path, and of the mean frame."""
    forced, free, mean = [], [], []
    for row, count in enumerate(batch.mel_lengths_B.tolist()):
        true = batch.mel_BMT[row, :, :count].numpy()
        forced.append(np.abs(refined_BMT[row, :, :count].numpy() - true).mean())
        _, path = librosa.sequence.dtw(spoken[row], true)
        free.append(np.abs(spoken[row][:, path[:, 0]] - true[:, path[:, 1]]).mean())
        mean.append(np.abs(true - true.mean(axis=1, keepdims=True)).mean())
    return {
        name: round(float(np.mean(values)), 3)
        for name, values in (("teacher_forced", forced), ("free_warped", free), ("mean_frame", mean))
    }


if __name__ == "__main__":
    main()
