#!/usr/bin/env bash
# The baseline that reads what the others hear: VQ-Diffusion's text form over the same tokens, after 04_codec.sh. CLIP's text side
# (TEXT_ENCODER, from 'speech2img import clip-text') reads the captions; $RUNS/from-text is the whole model, which 'generate --text' takes.
# STEPS: of the training; arguments go to 'train'.
source "$(dirname "$0")/../common.sh"
CORPUS=${CORPUS:-songbirds}
ROOT=${ROOT:-data/$CORPUS}
RUNS=${RUNS:-runs/s2ivq-d/$CORPUS}
TEXT_ENCODER=${TEXT_ENCODER:-weights/clip-text}
how=(--split test --features googlenet)
if [ "$CORPUS" = songbirds ]; then
    how=(--split test_seen test --judge "${JUDGE:-songbirds-judge}")
fi
step "captions" speech2img extract --run "$TEXT_ENCODER" --root "$ROOT" --name text --frames
step "generator" speech2img train generator --config "$here/generator-text.toml" --root "$ROOT" --out "$RUNS/from-text" \
    --set "codec=${CODEC:-$RUNS/codec}" --set "loop.max_steps=${STEPS:-20000}" "$@"
step "evaluate" speech2img evaluate --model "$RUNS/from-text" --embeddings text --root "$ROOT" "${how[@]}" --limit "${LIMIT:-300}" \
    --out "$RUNS/report-from-text"
