#!/usr/bin/env bash
# Train the codec on the corpus, and write the tokens of every image. CODEC=weights/vqgan takes an imported one instead ('speech2img
# import vqgan'), SIZE_PX its images' side. STEPS: of the training; arguments go to 'train'.
source "$(dirname "$0")/../common.sh"
CORPUS=${CORPUS:-songbirds}
ROOT=${ROOT:-data/$CORPUS}
RUNS=${RUNS:-runs/s2ivq-d/$CORPUS}
CODEC=${CODEC:-$RUNS/codec}
if [ "$CODEC" = "$RUNS/codec" ]; then
    step "codec" speech2img train codec --config "$here/codec-$CORPUS.toml" --root "$ROOT" --out "$CODEC" \
        --set "loop.max_steps=${STEPS:-6000}" "$@"
fi
step "tokens" speech2img features --root "$ROOT" --mel-preset whisper --codec "$CODEC" --image-size "${SIZE_PX:-128}"
