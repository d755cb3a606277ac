#!/usr/bin/env bash
# The quickstart's corpus, its teacher, and the encoder whose embeddings and frames all systems are given.
source "$(dirname "$0")/../../common.sh"
ROOT=${ROOT:-data/benchmark-songbirds}
RUNS=${RUNS:-runs/benchmark-songbirds}
toml=experiments/songbirds/quickstart
step "prepare" speech2img prepare songbirds --size quick --root "$ROOT"
step "synthesize" speech2img synthesize --root "$ROOT"
step "teacher" speech2img train teacher --config "$toml/teacher.toml" --root "$ROOT" --out "$RUNS/teacher"
step "features" speech2img features --root "$ROOT" --mel-preset whisper --teacher "$RUNS/teacher"
step "images for AttnGAN" speech2img features --root "$ROOT" --mel-preset whisper --image-size 128
step "latents" speech2img features --root "$ROOT" --mel-preset whisper --codec taef2
step "stand-ins for speech" speech2img extract --features teacher --root "$ROOT"
step "encoder" speech2img train encoder --config "$toml/encoder.toml" --root "$ROOT" --out "$RUNS/encoder" \
    --set "losses.heads_of=$RUNS/teacher"
step "embeddings" speech2img extract --run "$RUNS/encoder" --root "$ROOT" --name shared --frames
