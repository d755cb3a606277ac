#!/usr/bin/env bash
# SEN: train speech encoder and image head, and write the embeddings of every utterance.
source "$(dirname "$0")/../common.sh"
CORPUS=${CORPUS:-songbirds}
ROOT=${ROOT:-data/$CORPUS}
RUNS=${RUNS:-runs/s2igan/$CORPUS}
step "encoder" speech2img train encoder --preset s2igan --config "$here/encoder-$CORPUS.toml" --root "$ROOT" --out "$RUNS/encoder"
step "embeddings" speech2img extract --run "$RUNS/encoder" --root "$ROOT"
