#!/usr/bin/env bash
# Measure on unseen utterances: songbirds by a judge that is trained on other pictures (JUDGE), photographs by GoogLeNet.
source "$(dirname "$0")/../common.sh"
CORPUS=${CORPUS:-songbirds}
ROOT=${ROOT:-data/$CORPUS}
RUNS=${RUNS:-runs/s2ivq-d/$CORPUS}
how=(--split test --features googlenet)
if [ "$CORPUS" = songbirds ]; then
    JUDGE=${JUDGE:-songbirds-judge}
    how=(--split test_seen test --judge "$JUDGE")
fi
step "evaluate" speech2img evaluate --model "${MODEL:-$RUNS/generator}" --root "$ROOT" "${how[@]}" --limit "${LIMIT:-300}" \
    --curves "$RUNS/encoder" "$RUNS/codec" "$RUNS/generator" --out "$RUNS/report"
