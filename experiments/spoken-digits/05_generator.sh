#!/usr/bin/env bash
# Train the generator on picture features, and the prior that draws such features from speech: the whole model.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/spoken-digits}
RUNS=${RUNS:-runs/spoken-digits}
step "stand-ins for speech" speech2img extract --features teacher --root "$ROOT"
step "generator" speech2img train generator --config "$here/generator.toml" --root "$ROOT" --out "$RUNS/generator"
step "prior" speech2img train prior --config "$here/prior.toml" --root "$ROOT" --out "$RUNS/prior" \
    --set "generator=$RUNS/generator"
