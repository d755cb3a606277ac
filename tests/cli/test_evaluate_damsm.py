"""``speech2img evaluate --damsm``: R-precision by DAMSMs of both forms, and the one line where one cannot grade."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.damsms import damsm_release, word_encoder_release
from helpers.photograph_evaluations import evaluated, metric_row, refused_line, store_features

from speech2img.corpora.records.manifest import Manifest
from speech2img.metrics.evaluate.attngan import damsm_judge
from speech2img.storage.releases.release import release_sha256

WORDS = ("red", "blue", "green", "small red", "small blue", "small green")


@pytest.fixture
def described(corpus: Path, tmp_path: Path, loaded: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The photographs, each described in words of its own; three candidates are enough."""
    monkeypatch.setattr(damsm_judge, "CANDIDATES", 3)
    manifest = Manifest.load(corpus)
    items = []
    for item, words in zip(manifest.items, WORDS, strict=True):
        captions = tuple(replace(caption, text=f"a {words} bird") for caption in item.captions)
        items.append(replace(item, captions=captions))
    Manifest(corpus, manifest.corpus, tuple(items), meta=manifest.meta).save()
    store_features(corpus, tmp_path / "googlenet_bvlc.npz")
    return corpus


def test_both_forms_grade_and_their_protocol_stands_beside_the_number(
    described: Path, tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    model = make_release(tmp_path / "model", trained_with={"damsm": "ab" * 32})
    of_speech = {"trained_with": {"speech encoder": release_sha256(model)}, "mel_preset": "li2020"}
    speech = damsm_release(tmp_path / "speech", **of_speech)
    text = damsm_release(tmp_path / "text", speech_dim=None, with_words=True)
    report = evaluated(model, described, "--network", "x.npz", "--damsm", str(speech), str(text), "--seed", "3")
    for form, release in (("speech", speech), ("text", text)):
        for suffix in ("", "_of_real_pictures"):
            row = metric_row(report, f"r_precision_by_{form}{suffix}")
            assert 0 <= row["value"] <= 1 and row["interval"] is not None
            assert (row["num_samples"], row["seed"], row["details"]["num_candidates"]) == (12, 3, 3)
            assert row["weights_sha256"] == release_sha256(release) and row["details"]["independent"]
    markdown, page = ((described / "report" / name).read_text() for name in ("report.md", "report.html"))
    for words in (release_sha256(speech)[:12], release_sha256(text)[:12], "among 3, the others drawn from other items"):
        assert words in page and words in markdown
    assert "heard by the model's own encoder" in markdown and "captions, read by its text encoder" in markdown


def test_what_cannot_grade_is_one_line(
    described: Path, tmp_path: Path, make_release: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    own = damsm_release(tmp_path / "own", mel_preset="li2020", trained_with={"speech encoder": "cd" * 32})
    model = make_release(tmp_path / "model", trained_with={"damsm": release_sha256(own)})
    plain = ("--model", model, "--root", described, "--network", "x.npz", "--out", tmp_path / "out", "--damsm")
    assert "was the generator's own damsm in training" in refused_line(capsys, 1, *plain, own)
    # Speech of another encoder, of another front-end, of another size.
    other = damsm_release(tmp_path / "other", seed=1, trained_with={"speech encoder": "cd" * 32})
    assert "sentences of another speech encoder (cdcdcdcdcdcd) than that of --model" in refused_line(
        capsys, 2, *plain, other
    )
    heard = damsm_release(tmp_path / "heard", seed=2, mel_preset="s2igan")
    assert "the mel preset 's2igan', --model" in refused_line(capsys, 2, *plain, heard)
    small = damsm_release(tmp_path / "small", speech_dim=4)
    assert "compares embeddings of 4 numbers" in refused_line(capsys, 2, *plain, small)
    # Of images alone, with words of another size, twice the same form, or nothing that it could be of.
    images = damsm_release(tmp_path / "images", speech_dim=None)
    assert "without a text encoder; add its own as --damsm-encoder" in refused_line(capsys, 2, *plain, images)
    words = word_encoder_release(tmp_path / "words", embedding_dim=4)
    assert "captions have 4 numbers, images 8" in refused_line(capsys, 2, *plain, images, "--damsm-encoder", words)
    right = damsm_release(tmp_path / "right", seed=3, trained_with={"speech encoder": release_sha256(model)})
    again = damsm_release(tmp_path / "again", seed=4, trained_with={"speech encoder": release_sha256(model)})
    assert "it is the second of the speech form" in refused_line(capsys, 2, *plain, right, again)
    assert "no --damsm asks for it" in refused_line(capsys, 2, *plain, right, "--damsm-encoder", words)
    assert "there is no DAMSM" in refused_line(capsys, 2, *plain[:-1], "--damsm-encoder", words)
    folders = ("--generated", described, "--real", described, "--damsm", right)
    assert "--damsm: only for --model" in refused_line(capsys, 2, *folders)


def test_a_damsm_of_the_training_may_be_marked_instead_and_has_an_encoder_of_its_own(
    described: Path, tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    encoder = make_release(tmp_path / "encoder", kind="speech-encoder")
    own = damsm_release(tmp_path / "own", trained_with={"speech encoder": release_sha256(encoder)})
    behind = {"damsm": release_sha256(own), "speech encoder": release_sha256(encoder)}
    model = make_release(tmp_path / "model", trained_with=behind)
    more = ("--damsm", str(own), "--damsm-encoder", str(encoder), "--allow-same-judge")
    report = evaluated(model, described, "--network", "x.npz", *more)
    row = metric_row(report, "r_precision_by_speech")
    assert "heard by its own encoder" in row["protocol"]
    assert "training loss" in row["warnings"][0] and not row["details"]["independent"]
