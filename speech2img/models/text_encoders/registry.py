"""Text encoders by the name that a release gives them; the file of one is imported when a release asks for it."""

from collections.abc import Callable
from typing import Any

from speech2img.models.text_encoders.base import TextEncoder


def _char_cnn_rnn() -> type[TextEncoder]:
    from speech2img.models.text_encoders.char_cnn_rnn import CharCnnRnn

    return CharCnnRnn


def _word_lstm() -> type[TextEncoder]:
    from speech2img.models.text_encoders.word_lstm import WordLSTM

    return WordLSTM


TEXT_ENCODERS: dict[str, Callable[[], type[TextEncoder]]] = {
    "char-cnn-rnn": _char_cnn_rnn,  # over letters, a sentence vector (Reed et al. 2016)
    "word-lstm": _word_lstm,  # over words, a sentence vector and one a word (AttnGAN, Xu et al. 2018)
}
"""Name under ``text_encoder.network`` of a release's config -> a function that gives the class."""


def build_text_encoder(*, network: str, **settings: Any) -> TextEncoder:
    """Text encoder of a release: what stands under ``text_encoder`` in its config.

    Parameters
    ----------
    network : str
        One of `TEXT_ENCODERS`.
    **settings
        The network's own.

    Raises
    ------
    ValueError
        If there is no such network, or its settings contradict each other.
    TypeError
        For a setting that the network does not have.
    """
    if network not in TEXT_ENCODERS:
        raise ValueError(f"network must be one of {', '.join(TEXT_ENCODERS)}, got {network!r}")
    return TEXT_ENCODERS[network]()(**settings)
