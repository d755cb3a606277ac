"""Seconds a picture that a discrete diffusion takes to draw its tokens, by steps, with guidance and without.

    python tools/benchmark/diffusion_sampling.py [--width 256] [--depth 6] [--tokens 256] [--threads 2] [--rounds 3]

The corrected speech form with weights as they start: time does not depend on what was learned. One picture at a time,
64 frames of speech, 256 codes, four heads; median of the rounds, after one that does not count. Decoding is not in it.
"""

import argparse
import math
import statistics
from typing import Any

from common import print_table, timed

CODES, FRAMES, EMBEDDING = 256, 64, 512
STEPS = (25, 100)
CODEC = {
    "network": "vqgan",
    "num_codes": CODES,
    "code_dim": 8,
    "width": 8,
    "multipliers": [1, 1, 1, 1],
    "attention_levels": [],
    "latent_channels": 8,
    "groups": 2,
}
"""As small as can be, 8 px a token: it does not decode here."""
STRIDE = 8


def sampling_seconds(
    *, width: int, depth: int, tokens: int, threads: int, rounds: int, steps: int, guidance_scale: float
) -> dict[str, Any]:
    """Median seconds of a picture's tokens, and the transformer's parameters."""
    import torch

    from speech2img.models.encoders.base import SpeechEncoding
    from speech2img.models.generators.vq_diffusion.generator import VQDiffusionGenerator
    from speech2img.seeded_noise import seeded_noise

    # The generator, and something said.
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    generator = VQDiffusionGenerator(
        embedding_dim=EMBEDDING,
        codec=CODEC,
        image_size=STRIDE * math.isqrt(tokens),
        guidance_scale=guidance_scale,
        width=width,
        depth=depth,
        num_heads=4,
    ).eval()
    speech = SpeechEncoding(torch.randn(1, EMBEDDING), torch.randn(1, EMBEDDING, FRAMES), torch.tensor([FRAMES]))

    @torch.inference_mode()
    def draw(number: int) -> None:
        noise = seeded_noise([(0, number, 0)], torch.device("cpu")).repeated(1)
        for _ in generator.token_states(speech, noise, steps=steps):
            pass

    # The first round makes ready what the others use.
    seconds = [timed(lambda number=number: draw(number))["wall"] for number in range(rounds + 1)]  # type: ignore[misc]
    count = sum(parameter.numel() for parameter in generator.transformer.parameters())
    return {"seconds": statistics.median(seconds[1:]), "parameters": count}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("width", 256), ("depth", 6), ("tokens", 256), ("threads", 2), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    if math.isqrt(args.tokens) ** 2 != args.tokens or min(vars(args).values()) < 1:
        parser.error("--tokens is a square such as 256, and all are 1 or more")
    rows = []
    for guidance_scale in (1.0, 2.0):
        found = [sampling_seconds(**vars(args), steps=steps, guidance_scale=guidance_scale) for steps in STEPS]
        rows.append([guidance_scale, *(f"{one['seconds']:.2f}" for one in found)])
    title = f"{args.tokens} tokens, {found[0]['parameters'] / 1e6:.1f} M parameters, {args.threads} threads"
    print_table(title, rows, ["guidance", *(f"{steps} steps, s a picture" for steps in STEPS)])


if __name__ == "__main__":
    main()
