#!/usr/bin/env bash
# The corpus in espeak-ng's voices, and what the shipped encoder makes of each recording as it is: what the new one learns to give.
# That is hear-anyone's own today: a new encoder understands what it does, with the shipped pictures. hear-anyone itself learned from
# the encoder that songbirds had until 22 November 2026.
# KOKORO: folder of Kokoro's model (experiments/README.md, "Natural voices"): then some captions are spoken again in its training voices,
# and where pico2wave is (apt libttspico-utils) in Pico's two.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
AGAIN=${AGAIN:-data/songbirds-again}
step "prepare" speech2img prepare songbirds --size "${SIZE:-full}" --root "$ROOT"
step "synthesize" speech2img synthesize --root "$ROOT" --engine espeak
if [ -n "${KOKORO:-}" ]; then
    step "natural voices" speech2img synthesize --root "$ROOT" --engine kokoro --model "$KOKORO" \
        --again "$AGAIN-kokoro" --captions "${CAPTIONS:-2500}"
fi
if command -v pico2wave >/dev/null; then
    step "Pico" speech2img synthesize --root "$ROOT" --engine command --voices en-US,en-GB \
        --command "python $here/pico.py {voice} {rate} {pitch} {text} {wav}" --again "$AGAIN-pico" --captions "${CAPTIONS:-2500}"
fi
step "features" speech2img features --root "$ROOT" --teacher songbirds
step "embeddings" speech2img extract --run songbirds --root "$ROOT" --name shipped
