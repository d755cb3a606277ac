"""What settings of a discrete diffusion must fit in the tokens and embeddings that it learns from."""

from speech2img.errors import ConfigError, DataError
from speech2img.images.encoded_store import AGAIN
from speech2img.images.token_store import TokenStore
from speech2img.training.encoded.inputs import EncodedInputs
from speech2img.training.vq_diffusion.settings import VQDiffusionSettings


def demand_tokens_fit(settings: VQDiffusionSettings, inputs: EncodedInputs[TokenStore]) -> None:
    """Check settings against what was read, before the run folder is opened.

    Parameters
    ----------
    settings : VQDiffusionSettings
        With what they take over from weights to start from.
    inputs : EncodedInputs
        Embeddings, tokens and codec.

    Raises
    ------
    ConfigError
        If the published form has not half the width of the embeddings, the empty text another length than the texts, or
        the purity prior more steps than places.
    DataError
        If tokens and codec have not the same number of codes.
    """
    # Tokens and codec.
    store, codec = inputs.store, inputs.codec
    num_codes = codec.token_network().num_codes
    if store.num_codes != num_codes:
        reason = f"its tokens are of {store.num_codes} codes, and the codec {codec.name} has {num_codes}"
        raise DataError.about(store.path, reason, AGAIN)
    # Form and embeddings.
    width = inputs.embeddings.width
    if settings.model.form == "published" and width != 2 * settings.model.width:
        reason = f"{settings.model.width}, and the embedding of {width} is scale and shift in the published form"
        raise ConfigError.about("model.width", reason, f"set it to {width // 2}, or form to corrected")
    # The empty text and the texts.
    empty, frames = settings.model.empty_length, inputs.embeddings.frames
    if empty and frames is not None and bool((frames.lengths != empty).any()):
        reason = f"{empty}, and the texts have {int(frames.lengths.min())} to {int(frames.lengths.max())} steps"
        raise ConfigError.about("model.empty_length", reason, "set it to their length, or to 0")
    # Order and places.
    places = store.shape[0] * store.shape[1]
    if settings.sampler.order == "purity" and settings.sampler.steps > places:
        reason = f"{settings.sampler.steps} steps cannot each reveal one of {places} places"
        raise ConfigError.about("sampler.steps", reason, f"set 2 to {places}")
