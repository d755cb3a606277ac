#!/usr/bin/env bash
# Log-mels of all recordings and teacher features of all pictures.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/spoken-digits}
RUNS=${RUNS:-runs/spoken-digits}
step "features" speech2img features --root "$ROOT" --mel-preset li2020 --teacher "$RUNS/teacher"
