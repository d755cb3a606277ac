#!/usr/bin/env bash
# Train the speech encoder and write the embeddings of every recording.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/spoken-digits}
RUNS=${RUNS:-runs/spoken-digits}
step "encoder" speech2img train encoder --config "$here/encoder.toml" --root "$ROOT" --out "$RUNS/encoder"
step "embeddings" speech2img extract --run "$RUNS/encoder" --root "$ROOT"
