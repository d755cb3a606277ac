"""R-precision as AttnGAN meant it: does a DAMSM find an image's own description among a hundred, spoken or written?"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from speech2img.corpora.records.utterances import UtteranceRecord
from speech2img.errors import ConfigError, MetricError
from speech2img.features.extractors.damsm import ReleasedDAMSM
from speech2img.images.pyramid import normalised
from speech2img.metrics.evaluate.inputs import MetricInputs, MetricOptions
from speech2img.metrics.evaluate.model_groups import EvaluatedGroup
from speech2img.metrics.evaluate.registry import measure
from speech2img.metrics.functional.r_precision import r_precision
from speech2img.metrics.functional.score import Score
from speech2img.metrics.report.report import MetricReport
from speech2img.metrics.report.section import ReportSection
from speech2img.models.text_encoders.base import TextEncoder

CANDIDATES = 100
"""Descriptions among which an image chooses, its own counted (AttnGAN, section 4)."""
_BATCH = 32


@dataclass(frozen=True, eq=False)
class Descriptions:
    """What is said of some images of a group."""

    rows: list[int]
    """Places of the images in the group."""
    sentences: NDArray[np.float32]
    """(n, D), as the DAMSM takes them."""


Describe = Callable[[EvaluatedGroup], Descriptions]
"""Gives what is said of the images of a group; MetricError where it can be had of none."""


def require_same_speech(
    damsm: ReleasedDAMSM, *, name: str, embedding_dim: int, mel_preset: str | None, encoders: Collection[str], of: str
) -> tuple[str, ...]:
    """Refuse sentences of another speech encoder than the one whose sentences a DAMSM was trained on.

    Parameters
    ----------
    damsm : ReleasedDAMSM
        Of the speech form.
    name : str
        What messages call it.
    embedding_dim : int
        Size of the sentences at hand.
    mel_preset : str or None
        Front-end of the encoder at hand; None where nobody knows.
    encoders : collection of str
        Hashes under which that encoder is known.
    of : str
        Whose encoder it is, for messages.

    Returns
    -------
    tuple of str
        What the report must say beside the number.

    Raises
    ------
    ConfigError
        If the sentences have another size, or are heard with another front-end or encoder.
    """
    subject, fix = f"--damsm {name}", "give a DAMSM of that encoder, or the DAMSM's own encoder as --damsm-encoder"
    if damsm.speech_dim != embedding_dim:
        reason = f"it compares embeddings of {damsm.speech_dim} numbers, those of {of} have {embedding_dim}"
        raise ConfigError.about(subject, reason, fix)
    if mel_preset is not None and damsm.mel_preset not in (None, mel_preset):
        reason = f"it was trained on speech heard with the mel preset {damsm.mel_preset!r}, {of} hears {mel_preset!r}"
        raise ConfigError.about(subject, reason, fix)
    if damsm.encoder_sha256 is None:
        return ("the DAMSM's release does not say on whose sentences it was trained; they may be of another encoder",)
    if damsm.encoder_sha256 not in encoders:
        reason = (
            f"it was trained on sentences of another speech encoder ({damsm.encoder_sha256[:12]}) than that of {of}"
        )
        raise ConfigError.about(subject, reason, fix)
    return ()


def heard_by(encode: Callable[[Sequence[Path]], NDArray[np.float32]] | None) -> Describe:
    """Sentences of recordings: by an encoder, or, for None, as the model heard them."""

    def describe(group: EvaluatedGroup) -> Descriptions:
        sentences = group.embeddings if encode is None else encode([record.audio for record in group.records])
        return Descriptions(list(range(len(group.records))), sentences)

    return describe


def read_by(text_encoder: TextEncoder) -> Describe:
    """Sentences of captions; utterances without a written word that the encoder knows are left out."""

    @torch.inference_mode()
    def describe(group: EvaluatedGroup) -> Descriptions:
        texts = [record.text for record in group.records]
        rows = [row for row, text in enumerate(texts) if _is_known(text_encoder, text)]
        if not rows:
            reason = "no caption of these utterances is written in words that the text encoder knows"
            raise MetricError.about("R-precision by text", reason, "give a DAMSM of the speech form")
        parts = [
            text_encoder.encode([texts[row] for row in rows[start : start + _BATCH]]).sentence.float().cpu().numpy()
            for start in range(0, len(rows), _BATCH)
        ]
        return Descriptions(rows, np.concatenate(parts))

    return describe


def _is_known(text_encoder: TextEncoder, text: str) -> bool:
    try:
        return bool(text_encoder.tokens(text))
    except ValueError:
        return False


class DAMSMJudge:
    """R-precision of each group of an evaluation: of generated images, and of the real ones beside them.

    Parameters
    ----------
    damsm : ReleasedDAMSM
        Judges; the generator was not trained with it.
    describe : callable
        Gives sentences as it takes them.
    name : str
        What reports call it.
    described_by : str
        Whose sentences they are, in words.
    device : torch.device
        Where it computes.
    warnings : sequence of str
        What the report must say beside the numbers.
    seed : int
        Of the drawn candidates and of the intervals.
    num_candidates : int, optional
        Descriptions among which an image chooses; None: `CANDIDATES`.
    """

    def __init__(
        self,
        damsm: ReleasedDAMSM,
        describe: Describe,
        *,
        name: str,
        described_by: str,
        device: torch.device,
        warnings: Sequence[str] = (),
        seed: int = 0,
        num_candidates: int | None = None,
    ) -> None:
        self._damsm, self._describe, self._device = damsm, describe, device
        self._name, self._described_by, self._warnings = name, described_by, tuple(warnings)
        self._seed, self._num_candidates = seed, num_candidates or CANDIDATES

    def __call__(self, report: MetricReport, group: EvaluatedGroup) -> None:
        """Add the rows of one group; a note where it is too small."""
        form = self._damsm.form
        for suffix, images, what in (
            ("", group.images, "generated pictures"),
            ("_of_real_pictures", group.real, "the real pictures of the same utterances"),
        ):
            section = ReportSection(
                report=report,
                group=group.name,
                network=f"{self._name}, {form} form",
                weights_sha256=self._damsm.sha256,
                suffix=f"_by_{form}{suffix}",
                images=f"{what}; descriptions: {self._described_by}",
                details={"form": form, "independent": not self._warnings, "encoder": self._damsm.encoder_sha256},
                warnings=self._warnings,
                refusal="" if suffix else f"{{title}} by {form} of {{group}}: not measured ({{error}}).",
            )
            options = MetricOptions(seed=self._seed)
            measure(section, MetricInputs(matching=_Matched(self, group, images)), options)

    @torch.inference_mode()
    def r_precision(self, group: EvaluatedGroup, images: NDArray[np.uint8]) -> Score:
        """The share of some images (N, S, S, 3) of a group that find their own description.

        Raises
        ------
        MetricError
            If there are too few descriptions to choose among.
        """
        # Descriptions and images in one space.
        said, network = self._describe(group), self._damsm.network
        sentences = network.sentence(torch.from_numpy(said.sentences).to(self._device)).float().cpu().numpy()
        seen = []
        for start in range(0, len(said.rows), _BATCH):
            pixels = torch.from_numpy(np.ascontiguousarray(images[said.rows[start : start + _BATCH]]))
            seen.append(network.encode_images(normalised(pixels.permute(0, 3, 1, 2)).to(self._device)).image.cpu())
        # Wrong descriptions are of other images, and worded otherwise.
        records = [group.records[row] for row in said.rows]
        names = [record.id for record in records]
        score = r_precision(
            torch.cat(seen).numpy(),
            sentences,
            range(len(records)),
            described_alike(records, manner=self._damsm.form == "speech"),
            num_candidates=self._num_candidates,
            num_folds=min(10, len(records)),
            image_ids=names,
            caption_ids=names,
            seed=self._seed,
        )
        left_out = len(group.records) - len(records)
        words = "wrong descriptions are of other pictures and in other words"
        if left_out:
            words += f"; {left_out} utterances without a known word left out"
        return replace(score, protocol=f"{score.protocol}; {words}", settings={**score.settings, "left_out": left_out})


class _Matched:
    """Images of a group beside their descriptions."""

    def __init__(self, judge: DAMSMJudge, group: EvaluatedGroup, images: NDArray[np.uint8]) -> None:
        self._judge, self._group, self._images = judge, group, images

    def r_precision(self) -> list[Score]:
        """See ``Matching``."""
        return [self._judge.r_precision(self._group, self._images)]


def described_alike(records: Sequence[UtteranceRecord], *, manner: bool) -> list[int]:
    """A number for each utterance, the same for those of one image and for those in the same words.

    Parameters
    ----------
    records : sequence of UtteranceRecord
        The utterances.
    manner : bool
        Whether the same words in another manner say something else.

    Returns
    -------
    list of int
        The place of the first utterance that each is connected with, over images and words.
    """
    first: dict[object, int] = {}
    root = list(range(len(records)))

    def find(row: int) -> int:
        while root[row] != row:
            row = root[row]
        return row

    for row, record in enumerate(records):
        wording = (" ".join(record.text.lower().split()), record.manner if manner else None)
        for key in (("image", record.item_id), ("words", *wording) if wording[0] else ("utterance", record.id)):
            ends = sorted((find(row), find(first.setdefault(key, row))))
            root[ends[1]] = ends[0]
    return [find(row) for row in range(len(records))]
