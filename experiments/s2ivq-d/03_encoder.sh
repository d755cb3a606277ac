#!/usr/bin/env bash
# Train the contrastive speech encoder on Whisper's frozen one, and write embeddings and frames of every utterance.
# STEPS: of the training; arguments go to 'train'.
source "$(dirname "$0")/../common.sh"
CORPUS=${CORPUS:-songbirds}
ROOT=${ROOT:-data/$CORPUS}
RUNS=${RUNS:-runs/s2ivq-d/$CORPUS}
NAME=googlenet
if [ "$CORPUS" = songbirds ]; then NAME=teacher; fi
step "encoder" speech2img train encoder --preset s2ivq-d --root "$ROOT" --out "$RUNS/encoder" --set "features=$NAME" \
    --set "loop.max_steps=${STEPS:-6000}" "$@"
step "embeddings" speech2img extract --run "$RUNS/encoder" --root "$ROOT" --frames
