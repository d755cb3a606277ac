#!/usr/bin/env bash
# Train the recogniser on the captions of a corpus, and measure it in voices that it heard and in others. WHISPER=FOLDER (of
# faster-whisper) is measured beside it. LIMIT, CONDITIONS, STEPS, ROOT and RUNS make it small or large.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
RUNS=${RUNS:-runs/cascade}
CONDITIONS=${CONDITIONS:-clean,noise20,noise10,noise5,telephone}
step "recogniser" speech2img train recogniser --config "$here/recogniser.toml" --root "$ROOT" --out "$RUNS/recogniser" \
    ${STEPS:+--set "loop.max_steps=$STEPS"}
step "error rates" python "$here/error_rates.py" --recogniser "$RUNS/recogniser" --root "$ROOT" --split test_seen test \
    --limit "${LIMIT:-300}" --conditions "$CONDITIONS" --out "$RUNS/error-rates.json"
if [ -n "${WHISPER:-}" ]; then
    step "Whisper" python "$here/error_rates.py" --recogniser "$WHISPER" --root "$ROOT" --split test_seen test \
        --limit "${LIMIT:-300}" --conditions "$CONDITIONS" --out "$RUNS/error-rates-whisper.json"
fi
