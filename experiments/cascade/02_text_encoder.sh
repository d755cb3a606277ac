#!/usr/bin/env bash
# Train the text encoder to give of a caption what the encoder of the direct model gives of its recording (ENCODER, default the
# shipped hear-anyone), so that both go to the same generator.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
RUNS=${RUNS:-runs/cascade}
step "what the direct model hears" speech2img extract --run "${ENCODER:-hear-anyone}" --root "$ROOT" --name heard
step "text encoder" speech2img train text-encoder --config "$here/text-encoder.toml" --root "$ROOT" --out "$RUNS/text" \
    ${STEPS:+--set "loop.max_steps=$STEPS"}
