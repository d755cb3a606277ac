#!/usr/bin/env bash
# StackGAN-v1 on songbirds: stage I, then stage II on it, from the embeddings of an encoder that is trained already ($ENCODER).
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds} RUNS=${RUNS:-runs/stackgan-v1} ENCODER=${ENCODER:-runs/encoder}
step "embeddings" speech2img extract --run "$ENCODER" --root "$ROOT"
step "stage I" speech2img train generator --config "$here/generator-stage1.toml" --root "$ROOT" --out "$RUNS/stage1"
step "stage II" speech2img train generator --config "$here/generator-stage2.toml" --set "initial=$RUNS/stage1" --root "$ROOT" \
    --out "$RUNS/stage2"
