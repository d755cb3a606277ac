#!/usr/bin/env bash
# The same utterances, the same generator, the same judge: the direct model, the cascade, the cascade on true captions. After 03.
# DIRECT is the direct model (default songbirds), RECORDINGS folders of other engines' recordings of the captions.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
RUNS=${RUNS:-runs/cascade}
DIRECT=${DIRECT:-songbirds}
SPLIT=${SPLIT:-test_seen}
CONDITIONS=${CONDITIONS:-clean,noise20,noise10,noise5,telephone}
measure() {
    local name=$1
    shift
    # shellcheck disable=SC2086
    step "evaluate: $name" speech2img evaluate --root "$ROOT" --split $SPLIT --limit "${LIMIT:-500}" --steps "${DRAW:-10}" \
        --out "$RUNS/report-$name" "$@"
}
other=(--conditions "$CONDITIONS")
# shellcheck disable=SC2206
[ -n "${RECORDINGS:-}" ] && other+=(--recordings $RECORDINGS)
measure direct --model "$DIRECT" "${other[@]}"
measure cascade --model "$RUNS/cascade" "${other[@]}"
measure captions --model "$RUNS/reader"
if [ -d "$RUNS/cascade-whisper" ]; then
    export SPEECH2IMG_WHISPER=${WHISPER:?the folder that 03_compose.sh was given}
    measure cascade-whisper --model "$RUNS/cascade-whisper" "${other[@]}"
fi
step "time and memory" python "$here/latency.py" --root "$ROOT" --models "$DIRECT" "$RUNS/cascade" --out "$RUNS/latency.json"
