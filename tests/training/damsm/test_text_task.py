"""Training of a DAMSM in its text form: words of the corpus, captions of any length, a release that reads."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import painted_corpus, tiny_trainings

from speech2img.batches.image_pairs import PairSource
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import ConfigError, DataError
from speech2img.features.extractors.damsm import open_damsm
from speech2img.images.store import Images
from speech2img.models.generators.attngan.damsm import ReadingDAMSM
from speech2img.models.text_encoders.char_cnn_rnn import CharCnnRnn
from speech2img.models.text_encoders.word_lstm import WordLSTM, build_vocabulary
from speech2img.training.damsm.captions import CaptionedImageBatches, training_texts
from speech2img.training.damsm.settings import TextDAMSMSettings
from speech2img.training.train import train

LOOP = replace(tiny_trainings.LOOP, max_steps=2)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The painted corpus, whose captions have no recording, each with words of its own; and a trunk."""
    folder = painted_corpus.build(tmp_path_factory.mktemp("captions") / "corpus")
    tiny_trainings.trunk_release(folder / "trunk")
    manifest = Manifest.load(folder)
    items = []
    for number, item in enumerate(manifest.items):
        texts = (f"a bird w{number}", f"w{number} is a small bird that sits on the long branch of an old tree")
        captions = tuple(replace(caption, text=text) for caption, text in zip(item.captions, texts, strict=True))
        items.append(replace(item, captions=captions))
    Manifest(folder, manifest.corpus, items).save()
    return folder


def test_it_learns_to_read_and_its_release_reads_by_itself(root: Path, tmp_path: Path) -> None:
    settings = replace(tiny_trainings.TEXT_DAMSM, trunk=str(root / "trunk"), loop=LOOP)
    assert train("damsm", root, tmp_path / "run", settings, device="cpu", progress=False).finished
    terms = painted_corpus.losses(tmp_path / "run")
    assert all(step["loss"] == pytest.approx(step["words"] + step["sentence"], rel=1e-5) for step in terms)
    lines = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    assert 0 <= [line for line in lines if line["kind"] == "evaluation"][-1]["r_precision"] <= 1
    # The words are those of the training captions; the last two images are for validation.
    damsm = open_damsm(tmp_path / "run", device=torch.device("cpu"))
    assert damsm.form == "text" and isinstance(damsm.text_encoder, WordLSTM)
    assert {"w0", "w11", "branch"} <= set(damsm.text_encoder.words) and "w12" not in damsm.text_encoder.words
    sentence = damsm.text_encoder.encode(["a small bird"]).sentence
    assert sentence.shape == (1, damsm.network.embedding_dim) and bool(sentence.isfinite().all())


def captions_of(root: Path, *, most_words: int) -> CaptionedImageBatches:
    manifest = Manifest.load(root)
    images: Images = np.zeros((len(manifest.items), 8, 8, 3), np.uint8)
    texts = [caption.text for item in manifest.items for caption in item.captions]
    source = PairSource(manifest.items, "train", images, np.zeros((len(texts), 0), np.float32), attributes={})
    reader = WordLSTM(vocabulary=build_vocabulary(texts), embedding_dim=4)
    return CaptionedImageBatches(
        source, texts, reader, batch_size=4, seed=1, size=8, augmentation="none", shift=0, most_words=most_words
    )


def test_captions_belong_to_their_images_and_long_ones_keep_their_order(root: Path) -> None:
    items = Manifest.load(root).items
    texts = [caption.text for item in items for caption in item.captions]
    words = WordLSTM(vocabulary=build_vocabulary(texts), embedding_dim=4).words
    batches, whole = captions_of(root, most_words=5), captions_of(root, most_words=99)
    lengths: set[int] = set()
    for _ in range(8):
        batch, other = batches.next(), whole.next()
        assert np.array_equal(batch.indices_B, other.indices_B) and batch.images_B3SS.shape == (4, 3, 8, 8)
        for row, image in enumerate(batch.indices_B.tolist()):
            said = [words[number] for number in other.tokens_BT[row, : other.lengths_B[row]].tolist()]
            assert " ".join(said) in {caption.text for caption in items[image].captions}
            kept = [words[number] for number in batch.tokens_BT[row, : batch.lengths_B[row]].tolist()]
            left = iter(said)
            assert all(word in left for word in kept) and len(kept) == min(5, len(said))
            assert not batch.tokens_BT[row, int(batch.lengths_B[row]) :].any()
        lengths |= set(other.lengths_B.tolist())
    assert len(lengths) == 2
    # The same order again from the sampler's state.
    again = captions_of(root, most_words=5)
    again.sampler.load_state_dict(batches.sampler.state_dict())
    assert torch.equal(again.next().tokens_BT, batches.next().tokens_BT)


def test_captions_without_a_word_are_named(root: Path) -> None:
    items = list(Manifest.load(root).items)
    assert len(training_texts(items, name=root)) == 24
    items[0] = replace(items[0], captions=tuple(replace(caption, text="鳥") for caption in items[0].captions))
    with pytest.raises(DataError, match="2 of 24 captions to learn from have no word .'鳥'.; write captions in Latin"):
        training_texts(items, name=root)


def test_settings_and_networks_that_cannot_be(root: Path) -> None:
    with pytest.raises(ConfigError, match="embedding_dim: 7 is odd"):
        TextDAMSMSettings(embedding_dim=7)
    with pytest.raises(ConfigError, match="most_words: 0 leaves nothing"):
        TextDAMSMSettings(most_words=0)
    with pytest.raises(ValueError, match="gives sentences alone"):
        ReadingDAMSM(CharCnnRnn(width=8, embedding_dim=8), trunk="efficientnet-lite0")
