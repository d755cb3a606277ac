#!/usr/bin/env bash
# Measure every model on utterances and pictures that it never met. INCEPTION: release of 'speech2img import fid-inception'.
source "$(dirname "$0")/common.sh"
for seed in $GENERATOR_SEEDS; do
    for system in $SYSTEMS; do
        step "evaluate $system-$seed" speech2img evaluate --model "$RUNS/model-$system-$seed" --root "$ROOT" \
            --split "${splits[@]}" --limit $limit --features "$features" --inception "${INCEPTION:-weights/fid-inception}" \
            --out "$RUNS/report-$system-$seed"
    done
done
