"""Speech by Kokoro-82M: English voices close to people's."""
