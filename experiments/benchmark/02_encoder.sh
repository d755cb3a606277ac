#!/usr/bin/env bash
# The shared encoder, once, and what it makes of every utterance: a vector, and frames for generators that look at them.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/benchmark}
RUNS=${RUNS:-runs/benchmark}
step "encoder" speech2img train encoder --config "$here/encoder.toml" --root "$ROOT" --out "$RUNS/encoder" \
    --set loop.seed=0
step "embeddings" speech2img extract --run "$RUNS/encoder" --root "$ROOT" --name shared --frames
