"""Training of Tacotron 2: every frame is predicted from the text and the true frames before it."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from speech2img.audio.mel import mel_preset
from speech2img.config import settings_to_dict
from speech2img.corpora.readers.ljspeech import clips_sha256, read_clips
from speech2img.distributed.collectives import gather_with_grad
from speech2img.errors import DataError
from speech2img.losses.tacotron2 import frame_loss, guided_attention_loss, stop_loss
from speech2img.models.tts.alignment import AlignmentScores, alignment_scores
from speech2img.models.tts.tacotron2 import SpokenFrames, Tacotron2
from speech2img.precision import to_device
from speech2img.storage.releases.writing import save_release
from speech2img.training.supervised import SupervisedTask
from speech2img.training.tacotron2.data import ClipBatch, ClipBatches
from speech2img.training.tacotron2.plots import alignment_image, mel_image
from speech2img.training.tacotron2.settings import Tacotron2Settings
from speech2img.training.task import Prepared, Sitting


class Tacotron2Task(SupervisedTask[Tacotron2Settings, Tacotron2]):
    """Adam on the frames before and after the postnet, the stop, and optionally guided attention.

    Parameters
    ----------
    settings : Tacotron2Settings
        How to train.
    batches : ClipBatches
        Training clips.
    held : ClipBatch
        Clips of the evaluation.
    device : torch.device
        Where it computes.
    """

    Settings = Tacotron2Settings
    name = "tacotron2"
    keeps_best = False

    @classmethod
    def prepare(cls, root: Path, settings: Tacotron2Settings, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read the list of clips, in the layout of LJ Speech (`read_clips`).

        Raises
        ------
        DataError
            If the folder is not as it should be, or too small for the held-out clips.
        """
        clips = read_clips(root)
        if settings.held_out >= len(clips):
            raise DataError.about(root, f"{len(clips)} clips, {settings.held_out} of them held out", "lower held_out")
        return Prepared(settings, {"clips_sha256": clips_sha256(clips)}, clips)

    @classmethod
    def build(
        cls, root: Path, settings: Tacotron2Settings, *, device: torch.device, sitting: Sitting
    ) -> "Tacotron2Task":
        """Tacotron 2 and recordings with their texts."""
        clips = sitting.inputs
        batches = ClipBatches(
            clips,
            preset=settings.mel_preset,
            cleaner=settings.cleaner,
            frames_per_step=settings.model.frames_per_step,
            batch_size=settings.batch_size,
            seed=settings.loop.seed,
            held_out=settings.held_out,
        )
        first = len(clips) - settings.held_out if settings.held_out else 0
        held = batches.take(np.arange(first, min(len(clips), first + settings.evaluation_clips)))
        return cls(settings, batches=batches, held=held, device=device)

    def __init__(
        self, settings: Tacotron2Settings, *, batches: ClipBatches, held: ClipBatch, device: torch.device
    ) -> None:
        self.clips, self.held = batches.clips, held
        self.arguments = {"n_mels": mel_preset(settings.mel_preset).n_mels, **settings_to_dict(settings.model)}
        network = Tacotron2(**self.arguments).to(device)
        optimizer = torch.optim.Adam(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        super().__init__(settings, network, optimizer, batches, device=device, clip=settings.clip)

    def compute_terms(self, batch: ClipBatch) -> dict[str, Tensor]:
        """Losses of frames and stop, optionally of the attention, and their sum."""
        output, mel_BMT = self._speak(batch)
        terms = self._losses(*gather_with_grad((output, mel_BMT, batch.lengths_B, batch.mel_lengths_B)))
        loss = torch.stack(list(terms.values())).sum()
        return {"loss": loss, **terms}

    def _speak(self, batch: ClipBatch) -> tuple[SpokenFrames, Tensor]:
        mel_BMT, ids_BS = to_device([batch.mel_BMT, batch.ids_BS], self.device)
        with self.precision.autocast():
            output = self.network(ids_BS, batch.lengths_B, mel_BMT, batch.mel_lengths_B)
        return SpokenFrames(*(part.float() for part in output)), mel_BMT

    def _losses(
        self, output: SpokenFrames, mel_BMT: Tensor, lengths_B: Tensor, mel_lengths_B: Tensor
    ) -> dict[str, Tensor]:
        settings = self.settings

        # Valid frames and decoder steps.
        frames = torch.arange(mel_BMT.shape[2], device=self.device)
        valid = (frames < to_device([mel_lengths_B], self.device)[0][:, None])[:, None].float()
        steps_B = mel_lengths_B // settings.model.frames_per_step

        # Losses.
        terms = {
            "mel": frame_loss(output.mel_BMT, mel_BMT, valid, kind=settings.frame_loss),
            "refined": frame_loss(output.refined_BMT, mel_BMT, valid, kind=settings.frame_loss),
            "stop": stop_loss(output.gate_BT, steps_B, positive=settings.stop_positive),
        }
        if settings.guided_attention:
            terms["guided"] = settings.guided_attention * guided_attention_loss(
                output.alignment_BTS, steps_B, lengths_B, width=settings.guided_width
            )
        return terms

    @torch.no_grad()
    def _held_out(self) -> tuple[SpokenFrames, Tensor]:
        self.network.eval()
        return self._speak(self.held)

    def evaluate(self, step: int) -> dict[str, float]:
        """Losses and how diagonal the attention is, teacher-forced."""
        output, mel_BMT = self._held_out()
        terms = self._losses(output, mel_BMT, self.held.lengths_B, self.held.mel_lengths_B)
        values = {name: float(value) for name, value in terms.items()}
        scores = [alignment_scores(rows) for rows in self._alignments(output)]
        for name in AlignmentScores._fields:
            values[name] = float(np.mean([getattr(score, name) for score in scores]))
        return values

    def sample_grids(self) -> dict[str, Image.Image]:
        """Attention and frames of the evaluation's first clip."""
        output, _ = self._held_out()
        name = self.clips[int(self.held.indices_B[0])].name
        frames = int(self.held.mel_lengths_B[0])
        return {
            "attention": alignment_image(self._alignments(output)[0].numpy(), title=f"attention, {name}"),
            "mel": mel_image(output.refined_BMT[0, :, :frames].cpu().numpy(), title=f"log-mel, {name}"),
        }

    def _alignments(self, output: SpokenFrames) -> list[Tensor]:
        steps = (self.held.mel_lengths_B // self.settings.model.frames_per_step).tolist()
        symbols = self.held.lengths_B.tolist()
        return [output.alignment_BTS[row, : steps[row], : symbols[row]].cpu() for row in range(len(steps))]

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write the weights as a release of kind ``tacotron2``."""
        config = {
            "kind": "tacotron2",
            "mel_preset": self.settings.mel_preset,
            "cleaner": self.settings.cleaner,
            "tacotron2": self.arguments,
            "step": step,
            "clips_seen": images_seen,
        }
        card = (
            "# Tacotron 2\n\nText to log-mel frames, after Shen et al. 2018 (arXiv:1712.05884).\n"
            f"Trained on {len(self.clips)} clips for {step} steps.\n"
        )
        save_release(folder, self.network.state_dict(), config, card, half=False)
