#!/usr/bin/env bash
# Cascades on photographs, in front of the shipped cub: what is heard of captions that people wrote, and what is painted of it. ROOT is the
# corpus that experiments/benchmark/01_corpus.sh makes; RECORDINGS are folders of other engines' recordings of the captions of test;
# INCEPTION is a release of 'speech2img import fid-inception'. WHISPER=FOLDER (of faster-whisper) is measured beside true captions, and
# so is a recogniser that goes on from 01_recogniser.sh on these captions.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/benchmark}
RUNS=${RUNS:-runs/cascade}
CONDITIONS=${CONDITIONS:-clean,noise10,telephone}
step "what the direct model hears" speech2img extract --run cub --root "$ROOT" --name heard
step "text encoder" speech2img train text-encoder --config "$here/text-encoder.toml" --root "$ROOT" --out "$RUNS/text-cub" \
    --set "loop.max_steps=${STEPS:-1500}"
step "recogniser, on" speech2img train recogniser --config "$here/recogniser.toml" --root "$ROOT" --out "$RUNS/recogniser-cub" \
    --set "initial=$RUNS/recogniser" --set "loop.max_steps=${STEPS:-3000}" --set learning_rate=7e-4
step "true captions" speech2img compose --text-encoder "$RUNS/text-cub" --generator cub --out "$RUNS/reader-cub"
step "cascade" speech2img compose --recogniser "$RUNS/recogniser-cub" --text-encoder "$RUNS/text-cub" --generator cub \
    --out "$RUNS/cascade-cub"
models=(cub "$RUNS/reader-cub" "$RUNS/cascade-cub")
if [ -n "${WHISPER:-}" ]; then
    step "cascade with Whisper" speech2img compose --recogniser "$WHISPER" --text-encoder "$RUNS/text-cub" --generator cub \
        --out "$RUNS/whisper-cub"
    export SPEECH2IMG_WHISPER=$WHISPER
    models+=("$RUNS/whisper-cub")
fi
# shellcheck disable=SC2086
step "species" python "$here/species_heard.py" --root "$ROOT" --models "${models[@]}" --limit "${LIMIT:-300}" \
    --conditions "$CONDITIONS" --out "$RUNS/species.json" ${RECORDINGS:+--recordings $RECORDINGS}
for model in "${models[@]}"; do
    step "evaluate: $model" speech2img evaluate --model "$model" --root "$ROOT" --split test --limit "${LIMIT:-300}" --seed 0 \
        --features googlenet --inception "${INCEPTION:-weights/fid-inception}" --allow-small \
        --out "$RUNS/report-$(basename "$model")"
done
