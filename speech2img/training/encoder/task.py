"""Training of the speech encoder on the features of the images that speech describes."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from speech2img.audio.front_ends import ReleasedFrontEnd
from speech2img.batches.encoding import encode_rows
from speech2img.batches.speech import SpeechBatch, mask_spans
from speech2img.corpora.records.manifest import Manifest
from speech2img.distributed.collectives import gather_with_grad, is_main_process, on_main_process
from speech2img.errors import ConfigError
from speech2img.features.image_features import FeatureFile, load_features
from speech2img.features.plain_frames import HEARD_WITH
from speech2img.features.stores import mel_store
from speech2img.losses.joint_embedding import matching_accuracy
from speech2img.metrics.functional.class_centroids import class_centroid_scores
from speech2img.metrics.functional.retrieval import retrieval_scores
from speech2img.precision import is_asynchronous, make_adam, to_device
from speech2img.storage.notices import notice
from speech2img.storage.releases.provenance import TRAINED_WITH
from speech2img.storage.releases.writing import save_release
from speech2img.training.encoder.attribute_heads import load_heads
from speech2img.training.encoder.data import EncoderData, batched, choose_utterances
from speech2img.training.encoder.front_end import open_front_end
from speech2img.training.encoder.imitation import open_imitated
from speech2img.training.encoder.initialization import (
    EncoderStart,
    adopted,
    demand_same_front_end,
    keep_start,
    open_start,
    start_from_,
)
from speech2img.training.encoder.model import (
    SpeechImageModel,
    encoder_config,
    pad_value,
    pretrained_config,
    released_weights,
)
from speech2img.training.encoder.settings import EncoderSettings
from speech2img.training.encoder.sources import Source, utterance_source
from speech2img.training.encoder.spoken_again import open_spoken_again, with_spoken_again
from speech2img.training.supervised import SupervisedTask
from speech2img.training.task import Prepared, Sitting

_CARDS = {
    "li2020": "Log-mels to a speech embedding, after Li et al. 2020 (arXiv:2004.03413).",
    "s2igan": "Log-mels to a speech embedding of unit length, after S2IGAN (Wang et al. 2020, arXiv:2005.06968).",
    "pretrained": "Hidden states of a pretrained front-end to a speech embedding.\n\nNo text was used in this training,"
    " and none is at run time. The front-end's own training (by others) used transcripts.",
}


class EncoderTask(SupervisedTask[EncoderSettings, SpeechImageModel]):
    """Adam on the losses that the settings give a weight.

    Parameters
    ----------
    settings : EncoderSettings
        How to train.
    data : EncoderData
        What to learn from, and the hash of the teacher's weights: it goes into the release, so that nobody lets the
        teacher grade what it taught.
    device : torch.device
        Where it computes.
    trained_with : Mapping of str to str
        Role -> hash of the networks that came with the weights it starts from.
    front_end, source
        Of the network pretrained: its front-end, and what is trained on it.
    """

    Settings = EncoderSettings
    name = "encoder"
    network_key = "model"

    @classmethod
    def prepare(cls, root: Path, settings: EncoderSettings, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read the teacher's features, and the weights to start from where there are any.

        Raises
        ------
        ConfigError
            If the teacher's features have another size.
        DataError
            If teacher features are missing.
        """
        features = load_features(root, settings.features)
        start = None if settings.initial is None else open_start(settings.initial, run_dir)
        settings = settings if start is None else adopted(settings, start)
        _demand_size(settings, features, start)
        front_end = open_front_end(settings) if settings.network == "pretrained" else None
        identity = {"features_sha256": features.sha256}
        if front_end is not None:
            identity["front_end_sha256"] = front_end.sha256
            if start is not None:
                demand_same_front_end(start, front_end)
        imitated = None if settings.imitate is None else open_imitated(root, settings)
        if imitated is not None:
            identity["imitated_sha256"] = imitated.embeddings.sha256
        return Prepared(settings, identity, (features, start, front_end, imitated))

    @classmethod
    def build(cls, root: Path, settings: EncoderSettings, *, device: torch.device, sitting: Sitting) -> "EncoderTask":
        """Speech encoder and the training utterances of a corpus; a missing mel store is made.

        Raises
        ------
        DataError
            If recordings are missing.
        """
        # Utterances and their targets.
        features, start, front_end, imitated = sitting.inputs
        run, progress = sitting.run, sitting.progress
        manifest = Manifest.load(root)
        store = mel_store(manifest, preset=settings.mel_preset, workers=settings.workers, progress=progress)
        if imitated is not None:
            standard = imitated.standard
        else:
            standard = None if start is None else start.standard(features)
        utterances = choose_utterances(
            manifest, features, settings, standard=standard, imitated=None if imitated is None else imitated.embeddings
        )
        again = open_spoken_again(
            manifest, settings.spoken_again, preset=settings.mel_preset, workers=settings.workers, progress=progress
        )
        utterances = with_spoken_again(utterances, again, share=settings.spoken_again_share, count=len(store))
        source = utterance_source(
            manifest,
            store,
            utterances,
            settings,
            again=again,
            front_end=front_end,
            layer_mix=None if start is None else start.layer_mix,
            run_folder=run.folder,
            device=device,
            progress=progress,
        )
        data = batched(utterances, source.utterances, settings)
        trained_with = {} if start is None else start.trained_with
        trained_with |= {} if imitated is None else imitated.trained_with
        if heads_sha256 := load_heads(settings, utterances.standard)[1]:
            trained_with |= {"attribute heads": heads_sha256}
        task = cls(settings, data=data, device=device, trained_with=trained_with, front_end=front_end, source=source)

        # Weights of another run to start from.
        if start is not None and run.state is None:
            start_from_(task.network, start)
            on_main_process(lambda: keep_start(start, run.folder))
            if progress and is_main_process() and not start.knows(features):
                notice(
                    f"initial {start.name}: it learned from another teacher than {features.path}: what it gives is new"
                )
        return task

    def __init__(
        self,
        settings: EncoderSettings,
        *,
        data: EncoderData,
        device: torch.device,
        trained_with: Mapping[str, str] = MappingProxyType({}),
        front_end: ReleasedFrontEnd | None = None,
        source: Source | None = None,
    ) -> None:
        # Spans are masked on the device, where that is not the host.
        self.data, self.trained_with = data, trained_with
        data.batches.leaves_masks = is_asynchronous(device)

        # Network, then optimizer: parameters are drawn in this order.
        self.front_end, self.source = front_end, source
        if front_end is None:
            self.encoder_config = encoder_config(settings, data.mels.n_mels)
        else:
            self.encoder_config = pretrained_config(settings, front_end)
        model = SpeechImageModel(
            settings,
            n_mels=data.mels.n_mels,
            feature_dim=data.features.shape[2],
            num_classes=data.num_classes,
            heads=load_heads(settings, data.standard)[0],
            encoder=None if source is None else source.encoder,
        ).to(device)
        optimizer = make_adam(
            model.parameters(),
            settings.learning_rate,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
            device=device,
        )
        super().__init__(
            settings,
            model,
            optimizer,
            data.batches,
            device=device,
            clip=settings.clip,
            step_parts=settings.step_parts,
            step_factor=settings.step_factor,
        )

    def compute_terms(self, batch: SpeechBatch) -> dict[str, Tensor]:
        """The losses that have a weight, their sum, and how often speech meets the right image of the batch."""
        mel, features, labels = to_device([batch.mel_BMT, batch.features_BD, batch.classes_B], self.device)
        if batch.spans_B4 is not None:
            mel = mask_spans(mel, *to_device([batch.lengths_B, batch.spans_B4], self.device))
        with self.precision.autocast():
            speech = self.network.encoder(mel, batch.lengths_B).sentence.float()
            image = self.network.embed_images(features)
        image, speech, labels = gather_with_grad((image, speech, labels))
        terms = self.network.losses(image, speech, labels)
        loss = torch.stack(list(terms.values())).sum()
        return {"loss": loss, **terms, "matching": matching_accuracy(image, speech)}

    def evaluate(self, step: int) -> dict[str, float]:
        """Class-centroid accuracy, AP@50, mAP by class and recall of validation pictures by validation speech."""
        # Embeddings of both kinds.
        held = self.data.held
        speech = encode_rows(self.network.encoder, self.data.mels, held.rows, device=self.device, frames=None)
        images = np.unique(held.images)
        image = self._image_embeddings(images)
        class_of = dict(zip(held.images.tolist(), held.classes.tolist(), strict=True))
        classes = [class_of[row] for row in images.tolist()]

        # Retrieval of the very image by speech, of the speech by its image, and of any image of the class.
        centroid = class_centroid_scores(image, classes, speech, held.classes.tolist())
        image_recall = retrieval_scores(speech, image, held.images.tolist(), images.tolist(), ks=(1, 10)).recall
        speech_recall = retrieval_scores(image, speech, images.tolist(), held.images.tolist(), ks=(10,)).recall
        class_ranking = retrieval_scores(speech, image, held.classes.tolist(), classes, ks=(1,))

        # Measures, one of which selects the best weights.
        values = {
            "centroid_accuracy": centroid.accuracy,
            "ap_at_50": centroid.precision_at_k,
            "recall_at_1": image_recall[1],
            "recall_at_10": image_recall[10],
            "recall_at_10_both": (image_recall[10] + speech_recall[10]) / 2,
            "mean_average_precision": class_ranking.mean_average_precision,
        }
        values = {name: float(value) for name, value in values.items()}
        values["score"] = (values["centroid_accuracy"] + values["recall_at_10"]) / 2
        self.best.offer(self.network, value=values[self.settings.selection], step=step)
        return values

    @torch.inference_mode()
    def _image_embeddings(self, images: np.ndarray) -> np.ndarray:
        """Embeddings (N, D) of the first view of images, given by their rows in the features."""
        self.network.eval()
        features = torch.from_numpy(np.ascontiguousarray(self.data.features[images, 0]))
        return self.network.embed_images(features.to(self.device)).cpu().numpy()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave, now or before there was more to train than the encoder (``encoder``)."""
        if "model" not in state:
            best = {**state["best"], "weights": _of_encoder(state["best"]["weights"])}
            state = {**state, "model": _of_encoder(state["encoder"]), "best": best}
        super().load_state_dict(state)

    def _selected(self) -> str:
        if self.best.step < 0:
            return "Stopped before the first evaluation: these weights were not selected."
        return (
            f"Selected on the validation part of the training classes: {self.settings.selection}"
            f" {self.best.value:.4f} at step {self.best.step}."
        )

    def _frozen_parts(self) -> dict[str, Tensor]:
        """Weights of the encoder that were not trained, under their names in a release."""
        whole = None if self.source is None else self.source.pretrained
        if whole is None:
            return {}
        frozen = {"front_end": whole.front_end, "mix": whole.mix}
        return {
            f"encoder.{part}.{name}": value.cpu()
            for part, module in frozen.items()
            for name, value in module.state_dict().items()
        }

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write the best weights as a release of kind ``speech-encoder``."""
        # Weights; the standardisation of the targets goes along.
        tensors = self._frozen_parts() | released_weights(self.best.weights(self.network), self.data.standard)

        # Config and card.
        feature_network = {"feature network": self.data.features_sha256} if self.data.features_sha256 else {}
        heard_with = {} if self.front_end is None else {HEARD_WITH: self.front_end.sha256}
        config = {
            "kind": "speech-encoder",
            "mel_preset": self.settings.mel_preset,
            "encoder": self.encoder_config,
            "pad_value": pad_value(self.settings),
            "features": self.settings.features,
            "standardised": "target.mean" in tensors,
            "step": step,
            "best_step": self.best.step,
            "utterances_seen": images_seen,
            TRAINED_WITH: {**self.trained_with, **feature_network, **heard_with},
        }
        if self.front_end is not None:
            config["shared_weights"] = self.front_end.shared("encoder.front_end.")
        head = self.network.image_head
        if head is not None:
            config["image_head"] = {"feature_dim": head.feature_dim, "embedding_dim": head.embedding_dim}
        card = f"# Speech encoder\n\n{_CARDS[self.settings.network]}\n{self._selected()}\n"
        save_release(folder, tensors, config, card)


def _of_encoder(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"encoder.{name}": value for name, value in weights.items()}


def _demand_size(settings: EncoderSettings, features: FeatureFile, start: EncoderStart | None) -> None:
    """Raise ConfigError unless speech can give, or meet, features of this size."""
    # An image head takes features of any size, unless it has learned on some already.
    size, head = features.width, None if start is None else start.config.get("image_head")
    wanted = head.get("feature_dim") if isinstance(head, dict) else settings.embedding_dim
    if size == wanted or (settings.image_head and head is None):
        return

    # The weights to start from, or the settings, are of another size.
    if start is not None:
        own = f"speech2img features --root ROOT --teacher {start.name}"
        raise ConfigError.about(
            f"features {settings.features}",
            f"{size} numbers an image, and the encoder of {start.name} knows {wanted}",
            f"run '{own}' where it is a whole model, and set features to that name; or start without initial",
        )
    table = {"li2020": "model", "s2igan": "crnn", "pretrained": "pretrained"}[settings.network]
    raise ConfigError.about(
        f"{table}.embedding_dim",
        f"{settings.embedding_dim} beside features of {size}",
        f"set it to {size}, or image_head to true",
    )
