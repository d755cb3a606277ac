"""Batches of encoded images: each with an utterance of its own image, in training voices, mirrored as asked."""

from pathlib import Path

import numpy as np
import pytest

from speech2img.corpora.records.items import Caption, Item
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import DataError
from speech2img.images.encoded_store import EncodedKey
from speech2img.images.latent_store import LatentStore, write_latents
from speech2img.training.encoded.batches import EncodedBatches

IMAGES, CAPTIONS = 9, 3


def items(split: str = "train") -> list[Item]:
    """Image 4 is for validation; the last caption of each is in a held-out voice."""
    found = []
    for image in range(IMAGES):
        captions = tuple(
            Caption(k, "a bird", "en", None, 175, 50, 50, {}, None, held_out_voice=k == CAPTIONS - 1)
            for k in range(CAPTIONS)
        )
        part = "val" if image == 4 else split
        found.append(Item(f"bird/{image}", "x.png", 0, "bird", part, None, None, captions))
    return found


def batches(folder: Path, *, mirrored: bool = False, frames: bool = True, split: str = "train") -> EncodedBatches:
    """Every number says of which image, view or utterance it is."""
    latents = np.arange(IMAGES)[:, None, None, None, None] + np.array([0, 0.5])[None, :, None, None, None]
    shape = (2, 3, 2, 2)
    path = folder / "latents.h5"
    ids = [item.id for item in items()]
    write_latents(path, [latents * np.ones((1, *shape))], ids=ids, shape=shape, key=EncodedKey("ab", 16, 2, "cd"))
    sentences = np.arange(IMAGES * CAPTIONS, dtype=np.float32)[:, None].repeat(4, axis=1)
    words = [np.full((1 + row % 3, 4), row, np.float32) for row in range(len(sentences))]
    speech = EncodedSpeech(sentences, words if frames else None)
    return EncodedBatches(items(split), LatentStore(path), speech, batch_size=4, seed=1, mirrored=mirrored)


def test_each_latent_comes_with_an_utterance_of_its_image(tmp_path: Path) -> None:
    source = batches(tmp_path)
    seen: set[int] = set()
    for _ in range(20):
        latents, speech, rows = source.next()
        utterances = speech.sentence[:, 0].numpy()
        np.testing.assert_array_equal(latents[:, 0, 0, 0], rows)
        np.testing.assert_array_equal(utterances // CAPTIONS, rows)
        for row, utterance in enumerate(utterances):
            length = int(speech.word_lengths[row])
            assert length == 1 + int(utterance) % 3
            assert (speech.words[row, :, :length] == utterance).all() and not speech.words[row, :, length:].any()
        seen |= set(utterances.astype(int).tolist())
    spoken = {image * CAPTIONS + k for image in range(IMAGES) if image != 4 for k in range(CAPTIONS - 1)}
    assert seen == spoken


def test_the_order_resumes(tmp_path: Path) -> None:
    whole, resumed = batches(tmp_path, mirrored=True), batches(tmp_path, mirrored=True)
    for _ in range(3):
        whole.next()
    resumed.sampler.load_state_dict(whole.sampler.state_dict())
    for _ in range(3):
        expected, found = whole.next(), resumed.next()
        assert np.array_equal(expected.indices_B, found.indices_B)
        assert expected.encoded_B.equal(found.encoded_B) and expected.speech[0].equal(found.speech[0])


def test_mirror_images_are_drawn_as_often_where_asked(tmp_path: Path) -> None:
    mirrored, plain = batches(tmp_path, mirrored=True), batches(tmp_path)
    shares = []
    for source in (mirrored, plain):
        views = np.concatenate([source.next().encoded_B[:, 0, 0, 0].numpy() % 1 for _ in range(40)])
        shares.append(float((views == 0.5).mean()))
    assert 0.35 < shares[0] < 0.65 and shares[1] == 0


def test_statistics_are_of_the_training_part(tmp_path: Path) -> None:
    source = batches(tmp_path)
    values = source.sample().movedim(1, -1).flatten(0, -2)
    assert values.shape == ((IMAGES - 1) * 4, 3) and set(values[:, 0].tolist()) == set(range(IMAGES)) - {4}
    sentences, frames = source.spoken_values()
    assert sentences.shape == (16, 4) and len(frames) == sum(1 + int(row) % 3 for row in sentences[:, 0])
    sentences, frames = batches(tmp_path, frames=False).spoken_values()
    assert sentences.shape == (16, 4) and frames.shape == (0, 4)


def test_a_corpus_without_training_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="split train: it has no image with an utterance"):
        batches(tmp_path, split="test")
