#!/usr/bin/env bash
# Train the discrete diffusion. $RUNS/generator is the whole model. FORM=published: S2IVQ-D's own conditioning, whose width is half of
# the embeddings', in $RUNS/generator-published. STEPS: of the training; arguments go to 'train'.
source "$(dirname "$0")/../common.sh"
CORPUS=${CORPUS:-songbirds}
ROOT=${ROOT:-data/$CORPUS}
RUNS=${RUNS:-runs/s2ivq-d/$CORPUS}
FORM=${FORM:-corrected}
recipe=$here/generator-$CORPUS.toml
out=$RUNS/generator
if [ "$FORM" = published ]; then
    recipe=$here/generator-published.toml
    out=$RUNS/generator-published
fi
step "generator" speech2img train generator --config "$recipe" --root "$ROOT" --out "$out" \
    --set "codec=${CODEC:-$RUNS/codec}" --set "loop.max_steps=${STEPS:-20000}" "$@"
