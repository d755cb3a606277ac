#!/usr/bin/env bash
# Train the teacher on the corpus, and the judge on pictures of its own that nothing else ever sees.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/spoken-digits}
RUNS=${RUNS:-runs/spoken-digits}
step "teacher" speech2img train teacher --config "$here/teacher.toml" --root "$ROOT" --out "$RUNS/teacher"
step "judge" speech2img train judge --config "$here/judge.toml" --root "$ROOT-judge" --out "$RUNS/judge"
