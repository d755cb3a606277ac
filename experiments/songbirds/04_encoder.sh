#!/usr/bin/env bash
# Train the speech encoder and write the embeddings of every utterance.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
RUNS=${RUNS:-runs/songbirds}
step "encoder" speech2img train encoder --config "$here/encoder.toml" --root "$ROOT" --out "$RUNS/encoder"
step "embeddings" speech2img extract --run "$RUNS/encoder" --root "$ROOT"
