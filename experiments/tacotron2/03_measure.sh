#!/usr/bin/env bash
# Speak the texts without teacher forcing; how diagonal the attention is, and what the sound is most like.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/ljspeech8}
RUNS=${RUNS:-runs/tacotron2}
OUT=${OUT:-$RUNS/measured}
export OMP_NUM_THREADS=1
step "measure" python "$here/measure.py" --model "$RUNS/ljspeech8" --root "$ROOT" --out "$OUT" --wavs "$OUT/wavs"
