"""The reader of CTranslate2's ``model.bin``: right on what is whole, quick and clear on anything else."""

import io
import random
import struct

import pytest
import torch
from helpers.whisper_files import ctranslate2_bytes, text

from speech2img.models.published.ctranslate2 import read_ctranslate2

ARRAYS = {
    "encoder/a": torch.arange(6.0).view(2, 3),
    "encoder/b": torch.tensor([1.5, -2.0], dtype=torch.float16),
    "encoder/heads": torch.tensor(6, dtype=torch.int16),
    "decoder/c": torch.zeros(3, dtype=torch.int8),
}
HEAD = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<I", 3)


def read(content: bytes) -> dict[str, torch.Tensor]:
    return read_ctranslate2(io.BytesIO(content), spec="WhisperSpec", part="encoder/")


def test_arrays_come_out_as_they_went_in_and_others_cost_nothing() -> None:
    arrays = read(ctranslate2_bytes(ARRAYS))
    assert arrays.keys() == ARRAYS.keys()
    for name in ("encoder/a", "encoder/b", "encoder/heads"):
        assert torch.equal(arrays[name], ARRAYS[name]) and arrays[name].dtype == ARRAYS[name].dtype
    assert arrays["decoder/c"].is_meta and arrays["decoder/c"].shape == (3,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cut off"),
        (struct.pack("<I", 3), "known version"),
        (ctranslate2_bytes(ARRAYS, version=7), "known version"),
        (ctranslate2_bytes(ARRAYS, spec="TransformerSpec"), "kind 'TransformerSpec', and not WhisperSpec"),
        (ctranslate2_bytes(ARRAYS) + b"\0", "behind its end"),
        (HEAD + struct.pack("<I", 4_000_000_000), "4,000,000,000 arrays"),
        (HEAD + struct.pack("<IH", 1, 0), "a name of 0 bytes"),
        (HEAD + struct.pack("<IH", 1, 60_000), "a name of 60,000 bytes"),
        (HEAD + struct.pack("<IH", 1, 2) + b"\xff\0", "not text"),
        (HEAD + struct.pack("<I", 1) + text("encoder/a") + b"\xff", "255 axes"),
        (HEAD + struct.pack("<I", 1) + text("encoder/a") + struct.pack("<BIBI", 1, 4, 9, 16), "unknown type"),
        (HEAD + struct.pack("<I", 1) + text("encoder/a") + struct.pack("<BIBI", 1, 4, 0, 15), "has 15 bytes"),
        (HEAD + struct.pack("<I", 1) + text("encoder/a") + struct.pack("<BIBI", 1, 2**30, 0, 2**32 - 1), "bytes"),
        (HEAD + struct.pack("<I", 1) + text("encoder/a") + struct.pack("<BIBI", 1, 2**29, 0, 2**31), "claimed"),
        (HEAD + struct.pack("<I", 1) + text("decoder/a") + struct.pack("<BIBI", 1, 2**29, 0, 2**31), "claimed"),
    ],
)
def test_what_is_no_such_model_is_refused_before_memory_is_taken(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(content)


def test_a_name_that_occurs_twice_is_refused() -> None:
    array = text("encoder/a") + struct.pack("<BBI", 0, 2, 2) + b"\0\0"
    with pytest.raises(ValueError, match="occurs twice"):
        read(HEAD + struct.pack("<I", 2) + array + array)


def test_any_cut_and_any_changed_byte_is_read_or_refused() -> None:
    whole = ctranslate2_bytes(ARRAYS)
    for end in range(len(whole)):
        with pytest.raises(ValueError, match="CTranslate2"):
            read(whole[:end])
    drawn = random.Random(0)
    for _ in range(500):
        changed = bytearray(whole)
        changed[drawn.randrange(len(whole))] = drawn.randrange(256)
        try:
            read(bytes(changed))
        except ValueError as error:
            assert len(str(error)) < 300


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_empty_arrays_of_vast_axes_are_refused(part: str) -> None:
    array = text(f"{part}/a") + struct.pack("<B8I", 8, 0, *[2**32 - 1] * 7) + struct.pack("<BI", 0, 0)
    with pytest.raises(ValueError, match="damaged CTranslate2 model"):
        read(HEAD + struct.pack("<I", 1) + array + struct.pack("<I", 0))
