#!/usr/bin/env bash
# The corpus in espeak-ng's voices, and what the shipped encoder makes of each recording as it is: what the new one learns to give.
# Before 02_encoder.sh FRONT_END must be there: experiments/README.md, "Pretrained front-end".
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
step "prepare" speech2img prepare songbirds --size "${SIZE:-full}" --root "$ROOT"
step "synthesize" speech2img synthesize --root "$ROOT" --engine espeak
step "features" speech2img features --root "$ROOT" --teacher songbirds
step "embeddings" speech2img extract --run songbirds --root "$ROOT" --name shipped
