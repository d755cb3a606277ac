#!/usr/bin/env bash
# The fourth stage, 512 px, on the frames that 01_train.sh extracted. On a CPU only narrow networks are worth trying.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds} RUNS=${RUNS:-runs/attngan}
step "attngan-512" speech2img train generator --preset attngan-512 --config "$here/generator-attngan-512.toml" --root "$ROOT" \
    --out "$RUNS/generator-512"
