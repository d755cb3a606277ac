"""A cascade put together: recogniser and text encoder as one encoder, which a generator follows; or one that reads."""

from pathlib import Path
from typing import Any

from torch import Tensor

from speech2img.audio.mel import released_preset
from speech2img.errors import CheckpointError, with_article
from speech2img.recognition.encoder import waveform_preset
from speech2img.recognition.faster_whisper import MODEL_FILE, SAMPLE_RATE, require_model_folder
from speech2img.storage.reading import file_sha256
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.provenance import TRAINED_WITH, inherited
from speech2img.storage.releases.release import load_hashed_release
from speech2img.storage.releases.writing import save_release

BEAMS = 1
"""Of the recogniser in a cascade: the best character each time, as quick as it can be."""


def save_cascade_encoder(recogniser: str, text_encoder: str, out: Path, *, beams: int = BEAMS) -> None:
    """Write a release of kind ``speech-encoder`` that recognises and reads.

    Parameters
    ----------
    recogniser : str
        Run or release of a recogniser, whose weights are taken over; or a folder of Whisper, of which the hash is kept.
    text_encoder : str
        Run or release of a text encoder.
    out : Path
        Folder to write.
    beams : int
        Beginnings that the recogniser keeps.

    Raises
    ------
    CheckpointError
        If one of them is missing, damaged or something else.
    """
    tensors: dict[str, Tensor] = {}
    # The recogniser: its weights, or the hash of Whisper's.
    hears: dict[str, Any]
    if (Path(recogniser) / MODEL_FILE).is_file():
        require_model_folder(Path(recogniser))
        sha256 = file_sha256(Path(recogniser) / MODEL_FILE)
        hears, rate, inherits = {"kind": "faster-whisper", "model_sha256": sha256, "beams": beams}, SAMPLE_RATE, {}
    else:
        part, config, sha256 = _opened(recogniser, "recogniser", "recogniser")
        tensors |= {f"encoder.{name}": value for name, value in part.items() if name.startswith("recogniser.")}
        settings, preset = config.get("recogniser"), config.get("mel_preset")
        n_mels = settings.get("n_mels", 1) if isinstance(settings, dict) else 1
        rate = released_preset(preset, n_mels=n_mels, source=recogniser).sample_rate
        hears = {"kind": "transformer", "mel_preset": preset, "beams": beams, "network": settings}
        inherits = inherited(config, "recogniser")

    # The text encoder; what it learned to give says which generators understand the cascade.
    part, config, text_sha256 = _opened(text_encoder, "text-encoder", "text encoder")
    tensors |= {f"encoder.{name}": value for name, value in part.items() if name.startswith("text_encoder.")}
    own = config.get(TRAINED_WITH)
    settings = {"network": "cascade", "recogniser": hears, "text_encoder": config.get("text_encoder")}
    release = {
        "kind": "speech-encoder",
        "mel_preset": waveform_preset(rate),
        "encoder": settings,
        TRAINED_WITH: {
            **inherits,
            **(own if isinstance(own, dict) else {}),
            "recogniser": sha256,
            "text encoder": text_sha256,
        },
    }
    card = (
        f"# Cascade: speech to text to embedding\n\nRecogniser {sha256[:16]} ({hears['kind']}), text encoder"
        f" {text_sha256[:16]}.\nNothing but words passes: voice and manner are lost here.\n"
    )
    save_release(out, tensors, release, card, half=False)


def save_reading_encoder(text_encoder: str, out: Path) -> None:
    """Write a release of kind ``speech-encoder`` that reads sentences, and hears nothing.

    Parameters
    ----------
    text_encoder : str
        Run or release of a text encoder.
    out : Path
        Folder to write.

    Raises
    ------
    CheckpointError
        If it is missing, damaged or something else.
    """
    part, config, sha256 = _opened(text_encoder, "text-encoder", "text encoder")
    own = config.get(TRAINED_WITH)
    release = {
        "kind": "speech-encoder",
        "mel_preset": waveform_preset(SAMPLE_RATE),
        "encoder": {"network": "text", "text_encoder": config.get("text_encoder")},
        TRAINED_WITH: {**(own if isinstance(own, dict) else {}), "text encoder": sha256},
    }
    tensors = {f"encoder.{name}": value for name, value in part.items() if name.startswith("text_encoder.")}
    card = f"# Text to embedding\n\nText encoder {sha256[:16]}. It reads sentences; no recording is heard.\n"
    save_release(out, tensors, release, card, half=False)


def _opened(given: str, kind: str, what: str) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    """Tensors, config and hash of a release of a kind."""
    folder = find_release(given)
    tensors, config, sha256 = load_hashed_release(folder)
    if config.get("kind") != kind:
        reason = f"holds {with_article(repr(config.get('kind')))}, not {with_article(what)}"
        raise CheckpointError.about(str(folder), reason, f"give a run of 'train {kind}', or an imported one")
    return tensors, config, sha256
