#!/usr/bin/env bash
# Train the adapter on the frozen front-end to give the shipped encoder's embeddings, whatever voice, room or line the recording has;
# then put it together with the shipped generator. COPIES: augmented copies of each recording. FRONT_END: shipped weights, or a
# folder of 'speech2img import whisper-encoder'. Captions spoken again in other
# voices are heard where 01_prepare.sh made them; SHARE: their part of the training.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
RUNS=${RUNS:-runs/hear-anyone}
FRONT_END=${FRONT_END:-whisper-tiny.en}
AGAIN=${AGAIN:-data/songbirds-again}
folders=
for folder in "$AGAIN"-*; do
    if [ -d "$folder" ]; then folders="$folders${folders:+, }\"$folder\""; fi
done
step "encoder" speech2img train encoder --config "$here/encoder.toml" --root "$ROOT" --out "$RUNS/encoder" \
    --set "pretrained.front_end=$FRONT_END" --set "pretrained.copies=${COPIES:-2}" \
    --set "spoken_again=[$folders]" --set "spoken_again_share=${SHARE:-0.25}"
step "compose" speech2img compose --encoder "$RUNS/encoder" --generator songbirds --out "$RUNS/model"
