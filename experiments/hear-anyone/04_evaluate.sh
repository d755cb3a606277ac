#!/usr/bin/env bash
# The new model and the shipped one on the same utterances: voices, noise, room, line. MODELS chooses which.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
RUNS=${RUNS:-runs/hear-anyone}
VOICES=${VOICES:-data/unheard-voices}
for model in ${MODELS:-$RUNS/model songbirds}; do
    step "evaluate $model, voices" speech2img evaluate --model "$model" --root "$ROOT" --split test_seen --limit "${LIMIT:-400}" \
        --features songbirds --recordings "$VOICES"/* --out "$RUNS/voices-$(basename "$model")"
    step "evaluate $model" speech2img evaluate --model "$model" --root "$ROOT" --split test_seen test --limit "${LIMIT:-400}" \
        --features songbirds --conditions "${CONDITIONS:-clean,noise20,noise10,8khz,room,silence}" \
        --out "$RUNS/report-$(basename "$model")"
done
