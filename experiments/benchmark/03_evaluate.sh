#!/usr/bin/env bash
# A row of the table, by the command of protocol.toml. MODEL: run or release of the system; REPORT: where its report goes.
# INCEPTION: release of 'speech2img import fid-inception'.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/benchmark}
RUNS=${RUNS:-runs/benchmark}
MODEL=${MODEL:-$RUNS/generator}
step "evaluate" speech2img evaluate --model "$MODEL" --root "$ROOT" --split test test_seen --limit 1000 --seed 0 \
    --features googlenet --inception "${INCEPTION:-weights/fid-inception}" --allow-small --out "${REPORT:-$RUNS/report-$(basename "$MODEL")}"
