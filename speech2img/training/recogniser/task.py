"""Training of a recogniser: every character is predicted from the speech and the true characters before it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from speech2img.audio.mel import MEL_PRESETS
from speech2img.batches.encoding import BATCH_FRAMES, batches_by_length
from speech2img.config import settings_to_dict
from speech2img.distributed.collectives import gather_with_grad, is_main_process, on_main_process
from speech2img.losses.characters import Over, character_loss, ctc_loss
from speech2img.metrics.functional.error_rates import character_edits, word_edits
from speech2img.models.recognisers.decoding import greedy
from speech2img.models.recognisers.speech_transformer import SpeechTransformer
from speech2img.precision import make_adam, to_device
from speech2img.storage.notices import notice
from speech2img.storage.releases.provenance import TRAINED_WITH
from speech2img.storage.releases.writing import save_release
from speech2img.training.initial_weights import keep_start
from speech2img.training.optimization import set_learning_rate
from speech2img.training.recogniser.data import RecogniserData, TextBatch, read_spoken, recogniser_data, with_held_out
from speech2img.training.recogniser.initialization import load_initial_weights_, start_roles, started
from speech2img.training.recogniser.settings import RecogniserSettings, published_rate
from speech2img.training.supervised import SupervisedTask
from speech2img.training.task import Prepared, Sitting


def network_arguments(settings: RecogniserSettings) -> dict[str, Any]:
    """Arguments of `SpeechTransformer`, as a release holds them."""
    published = settings.form == "published"
    alphabet = {} if published else {"alphabet": settings.alphabet}
    return {
        "n_mels": MEL_PRESETS[settings.mel_preset].n_mels,
        "form": settings.form,
        **alphabet,
        **settings_to_dict(settings.model),
        "ctc": settings.ctc > 0,
    }


class RecogniserTask(SupervisedTask[RecogniserSettings, SpeechTransformer]):
    """Adam on smoothed cross-entropy of characters and, where it has a weight, on CTC.

    Parameters
    ----------
    settings : RecogniserSettings
        How to train.
    data : RecogniserData
        What to learn from.
    device : torch.device
        Where it computes.
    trained_with : Mapping of str to str
        Role -> hash of the networks that came with the weights it starts from.
    """

    Settings = RecogniserSettings
    name = "recogniser"

    @classmethod
    def prepare(cls, root: Path, settings: RecogniserSettings, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read recordings and texts of a corpus, or of a folder in the layout of LJ Speech.

        Raises
        ------
        DataError
            If they are missing, or nothing was written down.
        CheckpointError, ConfigError
            As from `started`.
        """
        spoken, digest = read_spoken(root)
        settings, start = started(settings, run_dir)
        return Prepared(settings, {"texts_sha256": digest}, (with_held_out(spoken, settings.held_out), start))

    @classmethod
    def build(
        cls, root: Path, settings: RecogniserSettings, *, device: torch.device, sitting: Sitting
    ) -> "RecogniserTask":
        """Speech Transformer and utterances with their texts; a missing mel store is made."""
        spoken, start = sitting.inputs
        network = SpeechTransformer(**network_arguments(settings))
        if settings.initial is not None and sitting.run.state is None:
            load_initial_weights_(settings.initial, network)
            on_main_process(lambda: keep_start(str(settings.initial), start, sitting.run.folder))
        network = network.to(device)
        data = recogniser_data(root, spoken, network, settings, progress=sitting.progress)
        if data.left_out and sitting.progress and is_main_process():
            notice(f"{data.left_out} training utterances are left out: too long, or with nothing to write")
        return cls(settings, network, data=data, device=device, trained_with=start_roles(start))

    def __init__(
        self,
        settings: RecogniserSettings,
        network: SpeechTransformer,
        *,
        data: RecogniserData,
        device: torch.device,
        trained_with: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.data, self.trained_with = data, trained_with
        optimizer = make_adam(
            network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, device=device
        )
        schedule = "constant" if settings.schedule == "published" else settings.schedule
        super().__init__(
            settings, network, optimizer, data.batches, device=device, clip=settings.clip, schedule=schedule
        )

    def start_step(self, progress: float) -> None:
        """Set the rate of this point of the run, by the published schedule where that is asked for."""
        super().start_step(progress)
        if self.settings.schedule == "published":
            rate = published_rate(progress, base=self.settings.learning_rate)
            set_learning_rate(self.optimizer_step.optimizer, rate)

    def compute_terms(self, batch: TextBatch) -> dict[str, Tensor]:
        """Loss of the characters, of the encoder's steps, and their weighted sum."""
        # Every character from the true ones before it.
        mel, numbers = to_device([batch.mel_BMT, batch.numbers_BN], self.device)
        with self.precision.autocast():
            logits, encoded = self.network(mel, batch.lengths_B, numbers[:, :-1])
            classifier = self.network.ctc_classifier
            steps = None if classifier is None else classifier(encoded.steps_BSD).float()
        wanted = numbers[:, 1:]

        # Losses over the rows of all processes.
        logits, wanted = gather_with_grad((logits.float(), wanted))
        over: Over = "all" if self.settings.form == "published" else "kept"
        characters = character_loss(logits, wanted, smoothing=self.settings.label_smoothing, over=over)
        if steps is None:
            return {"loss": characters, "characters": characters}
        (rows,) = gather_with_grad((ctc_loss(steps, encoded.lengths_B, batch.numbers_BN[:, 1:]),))
        ctc = rows.mean()
        return {"loss": characters + self.settings.ctc * ctc, "characters": characters, "ctc": ctc}

    def write(self, rows: np.ndarray) -> list[str]:
        """What it writes of utterances, given by their places, with the best character each time."""
        # Batches of similar length, then back into the given order.
        self.network.eval()
        texts: dict[int, str] = {}
        limit = self.network.max_characters
        for chosen in batches_by_length(self.data.mels.lengths[rows], BATCH_FRAMES):
            mel, lengths = self.data.mels.batch(rows[chosen])
            with torch.inference_mode():
                encoded = self.network.encode(torch.from_numpy(mel).to(self.device), torch.from_numpy(lengths))
            written = greedy(self.network, encoded, torch.full((len(chosen),), limit))
            texts |= {
                int(place): self.network.table.decode(one.numbers) for place, one in zip(chosen, written, strict=True)
            }
        return [texts[place] for place in range(len(rows))]

    def evaluate(self, step: int) -> dict[str, float]:
        """Word and character error rates on validation utterances, and in voices that training never hears."""
        written, texts = self.write(self.data.held), self.data.held_texts
        words = word_edits(texts, written)
        values = {"wer": words.rate, "cer": character_edits(texts, written).rate}
        # Unheard voices apart.
        places = np.flatnonzero(self.data.unheard).tolist()
        if places:
            values["wer_unheard_voices"] = word_edits(
                [texts[place] for place in places], [written[place] for place in places]
            ).rate
        if values["wer"] == values["wer"]:
            self.best.offer(self.network, value=-values["wer"], step=step)
        return values

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write the best weights as a release of kind ``recogniser``."""
        config = {
            "kind": "recogniser",
            "mel_preset": self.settings.mel_preset,
            "recogniser": network_arguments(self.settings),
            "step": step,
            "best_step": self.best.step,
            "utterances_seen": images_seen,
            TRAINED_WITH: dict(self.trained_with),
        }
        rate = (
            f"word error rate {-self.best.value:.4f} on the validation part" if self.best.step >= 0 else "not measured"
        )
        card = (
            "# Speech recogniser\n\nRecordings to characters, after Keras's transformer_asr and Vaswani et al. "
            f"2017,\n{self.settings.form} form.\nTrained for {step} steps; {rate} (greedy).\n"
        )
        tensors = {f"recogniser.{name}": value for name, value in self.best.weights(self.network).items()}
        save_release(folder, tensors, config, card, half=False)
