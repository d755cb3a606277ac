#!/usr/bin/env bash
# The pictures at 128 px: a latent flow learns to paint from features of twice as many pictures, and a prior chooses features by what
# the shipped encoder hear-anyone makes of speech. After 01_prepare.sh. COMPILE=true is quicker where there is a C++ compiler.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
RUNS=${RUNS:-runs/songbirds}
MORE=$ROOT-more
step "more pictures" speech2img prepare songbirds --size full --seed 1 --root "$ROOT-1"
if [ ! -e "$MORE/manifest.jsonl" ]; then
    step "both together" python "$here/more_pictures.py" --root "$ROOT" --more "$ROOT-1" --out "$MORE"
fi
step "speak them" speech2img synthesize --root "$MORE" --engine espeak
step "features" speech2img features --root "$MORE" --mel-preset whisper --teacher songbirds
step "latents" speech2img features --root "$MORE" --mel-preset whisper --image-size 128 --codec taef2
step "stand-ins for speech" speech2img extract --features songbirds --root "$MORE"
step "flow" speech2img train generator --config "$here/generator-flow.toml" --root "$MORE" --out "$RUNS/flow" --set "compile=${COMPILE:-false}"
step "what is heard" speech2img extract --run hear-anyone --root "$MORE" --name heard
step "prior" speech2img train prior --config "$here/prior-flow.toml" --root "$MORE" --out "$RUNS/prior-flow" \
    --set "generator=$RUNS/flow"
