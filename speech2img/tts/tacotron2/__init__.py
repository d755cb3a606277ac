"""Speech by Tacotron 2 and a vocoder."""
