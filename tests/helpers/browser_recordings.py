"""What browsers record, written by PyAV."""

import io

import numpy as np
import pytest


def encoded(y: np.ndarray, *, container: str, codec: str) -> bytes:
    """Sound (n,) at 48 kHz as a file of a container; the test is skipped where PyAV is not installed."""
    av = pytest.importorskip("av", reason="the app extra is not installed: nothing writes m4a and webm")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(y[None], format="fltp", layout="mono")
        frame.sample_rate = 48_000
        frames = av.AudioResampler(format=stream.format, frame_size=stream.frame_size or 960).resample(frame)
        for part in (*frames, None):
            file.mux(stream.encode(part))
    return buffer.getvalue()
