#!/usr/bin/env bash
# Train the generator on picture features, the prior that draws such features from speech, and the generator once more on
# what the prior draws. $RUNS/drawn is the whole model.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
RUNS=${RUNS:-runs/songbirds}
step "stand-ins for speech" speech2img extract --features teacher --root "$ROOT"
step "generator" speech2img train generator --config "$here/generator.toml" --root "$ROOT" --out "$RUNS/generator"
step "prior" speech2img train prior --config "$here/prior.toml" --root "$ROOT" --out "$RUNS/prior" \
    --set "generator=$RUNS/generator"
step "features that the prior draws" speech2img extract --draw "$RUNS/prior" --embeddings encoder --root "$ROOT"
step "generator on drawn features" speech2img train generator --config "$here/generator-drawn.toml" --root "$ROOT" \
    --out "$RUNS/drawn" --set "initial=$RUNS/generator"
