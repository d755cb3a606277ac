#!/usr/bin/env bash
# The row of our latent flow: a flow that paints from features of photographs, and a prior that chooses these by what is heard. What
# both cost of the processor is printed at the end ("user" and "system" of all that ran, the last line).
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/benchmark}
RUNS=${RUNS:-runs/benchmark}/latent-flow
step "flow" speech2img train generator --config "$here/latent-flow/generator.toml" --root "$ROOT" --out "$RUNS/generator" \
    --set loop.threads=1 --set "compile=${COMPILE:-true}"
step "prior" speech2img train prior --config "$here/latent-flow/prior.toml" --root "$ROOT" --out "$RUNS/prior" \
    --set "generator=$RUNS/generator" --set loop.threads=1
times
