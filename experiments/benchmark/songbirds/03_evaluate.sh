#!/usr/bin/env bash
# A row of the table: what SYSTEM ($RUNS/SYSTEM) draws of utterances and images that it never met, as songbirds-judge sees it.
source "$(dirname "$0")/../../common.sh"
ROOT=${ROOT:-data/benchmark-songbirds}
RUNS=${RUNS:-runs/benchmark-songbirds}
MINUTES=${MINUTES:-20}
system=${1:-latent-flow}
hours=$(share 100 | awk '{ print $1 / 60 }')
step "evaluate" speech2img evaluate --model "$RUNS/$system" --root "$ROOT" --split test_seen test --limit 350 --seed 0 \
    --out "$RUNS/report-$system"
step "facts" python "$here/../system_facts.py" "$RUNS/$system" --out "$RUNS/report-$system" --title "$system" \
    --hours "$hours"
