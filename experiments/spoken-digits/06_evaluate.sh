#!/usr/bin/env bash
# Measure on the held-out recordings, all 300 of them, and paint them.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/spoken-digits}
RUNS=${RUNS:-runs/spoken-digits}
step "evaluate" speech2img evaluate --model "$RUNS/prior" --judge "$RUNS/judge" --root "$ROOT" --split test_seen \
    --limit 300 --curves "$RUNS/teacher" "$RUNS/encoder" "$RUNS/generator" --out "$RUNS/report"
step "accuracy and grid" python "$here/measure.py" --model "$RUNS/prior" --judge "$RUNS/judge" --root "$ROOT" \
    --out "$RUNS/report"
