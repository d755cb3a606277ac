"""Networks that speak: Tacotron 2 and its vocoder."""
