#!/usr/bin/env bash
# Put the cascade together in front of the generator of the direct model (GENERATOR, default songbirds); with WHISPER=FOLDER another
# one that reads with Whisper. Also one that is given the true captions, as an upper bound. After 01 and 02.
source "$(dirname "$0")/../common.sh"
RUNS=${RUNS:-runs/cascade}
GENERATOR=${GENERATOR:-songbirds}
step "cascade" speech2img compose --recogniser "$RUNS/recogniser" --text-encoder "$RUNS/text" --generator "$GENERATOR" \
    --out "$RUNS/cascade"
step "reader" speech2img compose --text-encoder "$RUNS/text" --generator "$GENERATOR" --out "$RUNS/reader"
if [ -n "${WHISPER:-}" ]; then
    step "cascade with Whisper" speech2img compose --recogniser "$WHISPER" --text-encoder "$RUNS/text" \
        --generator "$GENERATOR" --out "$RUNS/cascade-whisper"
fi
