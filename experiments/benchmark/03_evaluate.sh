#!/usr/bin/env bash
# A row of the table, by the command of protocol.toml: what SYSTEM ($RUNS/SYSTEM, latent-flow if none is named) paints of utterances and
# photographs that it never met, and what it costs. INCEPTION: release of 'speech2img import fid-inception'.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/benchmark}
RUNS=${RUNS:-runs/benchmark}
MINUTES=${MINUTES:-60}
system=${1:-latent-flow}
hours=$(share 100 | awk '{ print $1 / 60 }')
step "evaluate" speech2img evaluate --model "$RUNS/$system" --root "$ROOT" --split test test_seen --limit 1000 --seed 0 \
    --features googlenet --inception "${INCEPTION:-weights/fid-inception}" --allow-small --out "$RUNS/report-$system"
step "facts" python "$here/system_facts.py" "$RUNS/$system" --out "$RUNS/report-$system" --title "$system" \
    --hours "$hours"
