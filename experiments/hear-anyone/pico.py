"""SVOX Pico (apt libttspico-utils, Apache-2.0) for ``synthesize --engine command``: VOICE RATE PITCH TEXT WAV.

Voices are en-US and en-GB. Rate (words a minute, 165 is Pico's own) and pitch (0 to 99, 40 is its own) are its markup.
"""

import subprocess
import sys
from xml.sax.saxutils import escape

PLAIN_RATE, PLAIN_PITCH = 165, 40


def main() -> None:
    """Speak one caption."""
    voice, rate, pitch, text, wav = sys.argv[1:]
    speed = min(250, max(40, round(100 * float(rate) / PLAIN_RATE)))
    level = min(170, max(60, round(100 + 0.9 * (float(pitch) - PLAIN_PITCH))))
    marked = f'<speed level="{speed}"><pitch level="{level}">{escape(text.strip())}</pitch></speed>'
    subprocess.run(["pico2wave", "-l", voice, "-w", wav, marked], check=True, timeout=60)


if __name__ == "__main__":
    main()
