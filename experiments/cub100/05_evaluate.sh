#!/usr/bin/env bash
# Measure on the 12 species that were never seen in training, and on held-out photographs of the 77 others (a folder with written
# captions has no test_seen: SPLITS="test val").
# GoogLeNet, which taught the encoder, also stands behind the measures of likeness.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/cub100}
RUNS=${RUNS:-runs/cub100}
step "evaluate" speech2img evaluate --model "${MODEL:-$RUNS/generator}" --root "$ROOT" --split ${SPLITS:-test test_seen} --limit 300 \
    --features googlenet --curves "$RUNS/encoder" --out "$RUNS/report"
