#!/usr/bin/env bash
# Log-mels of all recordings and teacher features of all pictures.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
RUNS=${RUNS:-runs/songbirds}
step "features" speech2img features --root "$ROOT" --mel-preset li2020 --teacher "$RUNS/teacher"
