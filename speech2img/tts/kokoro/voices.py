"""Kokoro's English voices: those of training, those held out for measuring, and which ones a corpus is spoken in."""

from collections.abc import Collection, Sequence

from speech2img.errors import ConfigError

TRAINING_VOICES: tuple[str, ...] = (
    "af_alloy",
    "af_aoede",
    "af_jessica",
    "af_kore",
    "af_nicole",
    "af_nova",
    "af_river",
    "af_sarah",
    "af_sky",
    "am_adam",
    "am_echo",
    "am_eric",
    "am_liam",
    "am_onyx",
    "am_santa",
    "bf_alice",
    "bf_lily",
    "bm_daniel",
    "bm_fable",
    "bm_lewis",
)
"""``a`` American or ``b`` British, ``f`` woman or ``m`` man."""
HELD_OUT_VOICES: tuple[str, ...] = (
    "af_bella",
    "af_heart",
    "am_fenrir",
    "am_michael",
    "am_puck",
    "bf_emma",
    "bf_isabella",
    "bm_george",
)
"""Speak what results are measured on, and nothing else: no training, no choice of a model, no augmentation."""
TRAINING, HELD_OUT = "training", "held-out"
"""What stands for all of a group in ``--voices``."""
ALLOW = "give --allow-held-out if nothing of this corpus is trained on"


def chosen_voices(
    wanted: Sequence[str] | None, there: Collection[str], *, allow_held_out: bool = False
) -> tuple[str, ...]:
    """Choose the voices that speak a corpus.

    Parameters
    ----------
    wanted : sequence of str, optional
        Names, and ``"training"`` and ``"held-out"`` for all of a group; None: the training voices, and with
        `allow_held_out` the held-out ones as well.
    there : collection of str
        Names of the voices that the model folder has.
    allow_held_out : bool
        Whether `HELD_OUT_VOICES` may be among them.

    Returns
    -------
    tuple of str
        Each once, in the order wanted; of a group those that are there.

    Raises
    ------
    ConfigError
        If a name does not exist (the message has those that do), a held-out one is not allowed, or nothing is left.
    """
    # Groups and single names.
    if wanted is None:
        wanted = (TRAINING, HELD_OUT) if allow_held_out else (TRAINING,)
    groups = {TRAINING: TRAINING_VOICES, HELD_OUT: HELD_OUT_VOICES}
    names: dict[str, None] = {}
    for name in wanted:
        if name not in groups and name not in there:
            usable = [voice for voice in sorted(there) if allow_held_out or voice not in HELD_OUT_VOICES]
            fix = f"choose from {', '.join([*groups, *usable])}"
            raise ConfigError.about("--voices", f'Kokoro has no English voice "{name[:80]}"', fix)
        names |= dict.fromkeys(voice for voice in groups.get(name, (name,)) if voice in there)
    # Voices for measuring are spoken with only where that is allowed.
    if not allow_held_out and (held_out := [name for name in names if name in HELD_OUT_VOICES]):
        reason = f"{', '.join(held_out)}: held out, for measuring only"
        raise ConfigError.about("--voices", reason, f"leave them out, or {ALLOW}")
    if not names:
        raise ConfigError.about("--voices", "names no voice that the model folder has", f"it has {', '.join(there)}")
    return tuple(names)
