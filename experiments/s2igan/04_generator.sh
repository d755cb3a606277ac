#!/usr/bin/env bash
# RDG: train the densely stacked generator under the relation supervisor. $RUNS/generator is the whole model.
source "$(dirname "$0")/../common.sh"
CORPUS=${CORPUS:-songbirds}
ROOT=${ROOT:-data/$CORPUS}
RUNS=${RUNS:-runs/s2igan/$CORPUS}
step "generator" speech2img train generator --preset s2igan --config "$here/generator-$CORPUS.toml" --root "$ROOT" --out "$RUNS/generator"
