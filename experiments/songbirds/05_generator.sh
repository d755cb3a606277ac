#!/usr/bin/env bash
# Train the generator on picture features, in two parts, and the prior that draws such features from speech.
# $RUNS/prior is the whole model. With GOOGLENET=weights/googlenet (speech2img import caffe-googlenet) there is a third part,
# as for the shipped weights: under discriminators that look through GoogLeNet.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
RUNS=${RUNS:-runs/songbirds}
step "stand-ins for speech" speech2img extract --features teacher --root "$ROOT"
step "generator" speech2img train generator --config "$here/generator.toml" --root "$ROOT" --out "$RUNS/generator"
step "generator on noisy features" speech2img train generator --config "$here/generator-noisy.toml" --root "$ROOT" \
    --out "$RUNS/noisy" --set "initial=$RUNS/generator"
painter=$RUNS/noisy
if [ -n "${GOOGLENET:-}" ]; then
    painter=$RUNS/sharp
    step "generator under GoogLeNet" speech2img train generator --config "$here/generator-sharp.toml" --root "$ROOT" \
        --out "$painter" --set "initial=$RUNS/noisy" --set "model.projection_network=$GOOGLENET"
fi
step "prior" speech2img train prior --config "$here/prior.toml" --root "$ROOT" --out "$RUNS/prior" \
    --set "generator=$painter"
