"""Speed of many texts at once beside one at a time, as a ratio of process times, and whether the bits agree.

The network has the published size and random weights; every utterance is cut after the same number of steps, so that
both ways do the same work. One at a time is measured twice: in the fastest way there is (``rows=1``, whose last bits
differ), and in the way that gives the bits of the batch.
"""

import argparse
import functools
import time
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from speech2img.audio.mel import mel_preset
from speech2img.models.tts.hifigan import PUBLISHED, HifiGan
from speech2img.models.tts.inference import Utterance, speak_texts
from speech2img.models.tts.tacotron2 import Tacotron2
from speech2img.tts.tacotron2.griffin_lim import GriffinLim

T = TypeVar("T")


def main() -> None:
    """Print seconds a text and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=32, help="texts in the batch (default 32)")
    parser.add_argument("--alone", type=int, default=3, help="texts measured one at a time (default 3)")
    parser.add_argument("--steps", type=int, default=400, help="frames of each utterance (default 400, 4.6 s)")
    parser.add_argument("--rows", type=int, default=16, help="utterances in the decoder at a time (default 16)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = Tacotron2().eval()
    texts = [torch.randint(1, 148, (50 + number % 40,)) for number in range(args.texts)]
    seeds = list(range(args.texts))

    def speak(first: int, last: int, rows: int) -> list[Utterance]:
        return speak_texts(
            model, texts[first:last], seeds[first:last], rows=rows, max_steps=args.steps, gate_threshold=0.999999
        )

    speak(0, 1, 1)
    together, batched = timed(lambda: speak(0, args.texts, args.rows))
    batched /= args.texts
    _, fastest = timed(lambda: [speak(place, place + 1, 1) for place in range(args.alone)])
    alone, same_bits = timed(lambda: [speak(place, place + 1, args.rows)[0] for place in range(args.alone)])
    fastest, same_bits = fastest / args.alone, same_bits / args.alone
    equal = all(torch.equal(one.mel_MT, many.mel_MT) for one, many in zip(alone, together[: args.alone], strict=True))
    print(f"frames, {args.texts} texts, {args.rows} rows, {args.threads} threads: {batched:.3f} s a text")
    print(f"one at a time, rows=1: {fastest:.3f} s a text, batched is {fastest / batched:.2f} x as fast")
    print(f"one at a time, rows={args.rows}: {same_bits:.3f} s a text, batched is {same_bits / batched:.2f} x as fast")
    print(f"bit-equal to one at a time with rows={args.rows}: {equal}")
    mel_MT = torch.randn(80, args.steps) - 4
    for name, vocoder in vocoders().items():
        _, seconds = timed(functools.partial(vocoder, mel_MT))
        whole = (fastest + seconds) / (batched + seconds)
        print(f"vocoder {name}: {seconds:.3f} s a text, the whole way batched is {whole:.2f} x as fast")


def vocoders() -> dict[str, Callable[[Tensor], object]]:
    """Griffin-Lim and HiFi-GAN's sizes; each speaks one utterance at a time in any case."""
    found: dict[str, Callable[[Tensor], object]] = {"griffin-lim": GriffinLim(mel_preset("tacotron2"))}
    for name, sizes in PUBLISHED.items():
        found[f"hifigan-{name}"] = one_by_one(HifiGan(**sizes).eval())
    return found


def one_by_one(generator: HifiGan) -> Callable[[Tensor], object]:
    """A generator as a vocoder of single utterances."""

    def speak(mel_MT: Tensor) -> Tensor:
        with torch.inference_mode():
            return generator(mel_MT[None])

    return speak


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Result and process time in seconds."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


if __name__ == "__main__":
    main()
