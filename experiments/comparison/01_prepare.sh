#!/usr/bin/env bash
# Corpus, speech, both systems' log-mels, teacher features. For songbirds the small corpus and the quickstart's teacher.
source "$(dirname "$0")/common.sh"
if [ "$CORPUS" = songbirds ]; then
    step "prepare" speech2img prepare songbirds --size small --root "$ROOT"
else
    step "prepare" speech2img prepare cub100 --root "$ROOT" --realdata "$SPEECH2IMG_REALDATA" --captions written
fi
step "synthesize" speech2img synthesize --root "$ROOT"
step "log-mels of S2IGAN" speech2img features --root "$ROOT" --mel-preset s2igan
if [ "$CORPUS" = songbirds ]; then
    step "teacher" speech2img train teacher --config experiments/songbirds/quickstart/teacher.toml --root "$ROOT" --out "$RUNS/teacher"
    step "log-mels of Li et al., features" speech2img features --root "$ROOT" --teacher "$RUNS/teacher"
else
    step "log-mels of Li et al., features" speech2img features --root "$ROOT" --name "$features" --views 2 --side 96 \
        --teacher "$SPEECH2IMG_REALDATA/weights/googlenet_bvlc.npz"
fi
step "features of pictures in the place of speech" speech2img extract --features "$features" --root "$ROOT"
