#!/usr/bin/env bash
# Measure on unseen utterances of seen species and on unseen species. MODEL=songbirds measures the shipped weights.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
RUNS=${RUNS:-runs/songbirds}
MODEL=${MODEL:-$RUNS/prior}
JUDGE=${JUDGE:-$RUNS/judge}
step "evaluate" \
    speech2img evaluate --model "$MODEL" --judge "$JUDGE" --root "$ROOT" --split test_seen test --limit "${LIMIT:-1000}" \
    --curves "$RUNS/teacher" "$RUNS/encoder" "$RUNS/noisy" --out "$RUNS/report"
