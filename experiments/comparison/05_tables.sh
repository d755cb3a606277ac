#!/usr/bin/env bash
# The tables and a picture of all models beside each other, into $RUNS.
source "$(dirname "$0")/common.sh"
step "tables" python "$here/table.py" --runs "$RUNS" --splits val "${splits[@]}" --out "$RUNS/tables.md"
models=()
for system in $SYSTEMS; do models+=("$RUNS/model-$system-0"); done
for split in "${splits[@]}"; do
    step "grid of $split" python "$here/grid.py" --models "${models[@]}" --root "$ROOT" --split "$split" --out "$RUNS/grid-$split.png"
done
