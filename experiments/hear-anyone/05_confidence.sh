#!/usr/bin/env bash
# Let the model tell how sure it is: it learns from descriptions in all voices of the training, and from speech about other things,
# noise and music that are made here.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
RUNS=${RUNS:-runs/hear-anyone}
AGAIN=${AGAIN:-data/songbirds-again}
OTHER=${OTHER:-data/other-speech}
step "other speech" "${PYTHON:-python}" "$here/other_speech.py" --root "$ROOT" --out "$OTHER" --again $(ls -d "$AGAIN"-* 2>/dev/null || true)
step "confidence" speech2img calibrate --model "$RUNS/model" --inside "$OTHER/descriptions" --outside "$OTHER/speech" "$OTHER/sounds"
