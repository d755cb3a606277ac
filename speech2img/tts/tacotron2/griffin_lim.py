"""A vocoder that needs no weights: log-mel frames to sound by looking for phases that fit (Griffin and Lim 1984)."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.audio.filter_bank import mel_filter_bank
from speech2img.audio.mel import MelPreset
from speech2img.errors import ConfigError


class GriffinLim:
    """Fast Griffin-Lim (Perraudin, Balazs and Sondergaard 2013) behind a non-negative inverse of the mel filters.

    Parameters
    ----------
    preset : MelPreset
        What the frames were made with; magnitudes with a clamped natural logarithm (as in ``tacotron2``).
    iterations : int
        Rounds of the search; beyond 60 little changes.
    momentum : float
        0 for the method of 1984; 0.99 converges faster.

    Raises
    ------
    ConfigError
        For another kind of preset, or settings out of range.
    """

    def __init__(self, preset: MelPreset, *, iterations: int = 60, momentum: float = 0.99) -> None:
        # What cannot be turned back.
        if preset.power != 1 or preset.log != "ln_clamp" or preset.window != "hann" or preset.cmvn:
            raise ConfigError.about(f"mel preset {preset.name}", "its frames cannot be turned back", "use tacotron2")
        if iterations < 1 or not 0.0 <= momentum < 1.0:
            raise ConfigError.about(
                "Griffin-Lim", f"{iterations} iterations, momentum {momentum}", "use 1 or more, and 0 up to 1"
            )
        self.preset, self.iterations, self.momentum = preset, iterations, momentum
        self.name = f"griffin-lim-{iterations}"
        # The filter bank and its inverse.
        bank = mel_filter_bank(
            sample_rate=preset.sample_rate, n_fft=preset.n_fft, n_mels=preset.n_mels, fmin=preset.fmin, fmax=preset.fmax
        )
        self._bank_MF = torch.from_numpy(bank)
        self._inverse_FM = torch.from_numpy(np.linalg.pinv(bank.astype(np.float64)).astype(np.float32))
        self._window = torch.hann_window(preset.n_fft)

    def __call__(self, mel_MT: Tensor) -> np.ndarray:
        """Sound of log-mel frames.

        Parameters
        ----------
        mel_MT : Tensor [shape=(n_mels, T)]
            Natural logarithms, as the preset gives them; at least one frame.

        Returns
        -------
        np.ndarray [shape=(T * hop_length,), float32]
            The same for the same frames.
        """
        samples = mel_MT.shape[1] * self.preset.hop_length
        # One frame more than is heard, and enough of them for the transform's reflected ends.
        silence = max(1, 2 + self.preset.n_fft // (2 * self.preset.hop_length) - mel_MT.shape[1])
        magnitude_FT = self.magnitudes(F.pad(mel_MT.float().cpu(), (0, silence), value=self.preset.pad_value))
        # Phases at random, the same for every text.
        generator = torch.Generator().manual_seed(0)
        angles_FT = 2.0 * torch.pi * torch.rand(magnitude_FT.shape, generator=generator)
        phases_FT = torch.polar(torch.ones_like(angles_FT), angles_FT)
        last_FT = torch.zeros_like(phases_FT)
        # Fast Griffin-Lim (Perraudin et al. 2013).
        for _ in range(self.iterations):
            rebuilt_FT = self._spectrum(self._sound(magnitude_FT * phases_FT))
            phases_FT = rebuilt_FT - self.momentum / (1.0 + self.momentum) * last_FT
            phases_FT = phases_FT / phases_FT.abs().clamp_min(1e-16)
            last_FT = rebuilt_FT
        return self._sound(magnitude_FT * phases_FT)[:samples].numpy()

    def magnitudes(self, mel_MT: Tensor) -> Tensor:
        """Magnitude spectrum [shape=(1 + n_fft // 2, T)] with the given mel bands, as far as that is possible.

        The pseudo-inverse is clamped at zero and then improved by multiplicative updates, which keep it there
        (Lee and Seung 2001).
        """
        bands_MT = mel_MT.exp()
        spectrum_FT = (self._inverse_FM @ bands_MT).clamp_min(1e-8)
        wanted_FT = self._bank_MF.t() @ bands_MT
        for _ in range(20):
            spectrum_FT = spectrum_FT * wanted_FT / (self._bank_MF.t() @ (self._bank_MF @ spectrum_FT)).clamp_min(1e-16)
        return spectrum_FT

    def _sound(self, spectrum_FT: Tensor) -> Tensor:
        preset = self.preset
        return torch.istft(spectrum_FT, preset.n_fft, preset.hop_length, window=self._window)

    def _spectrum(self, sound: Tensor) -> Tensor:
        preset = self.preset
        return torch.stft(
            sound, preset.n_fft, preset.hop_length, window=self._window, pad_mode="reflect", return_complex=True
        )
