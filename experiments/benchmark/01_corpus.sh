#!/usr/bin/env bash
# The crops with people's captions, spoken by espeak-ng in many voices; pictures of 128 px, and the teacher's features.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/benchmark}
: "${SPEECH2IMG_REALDATA:?set it to the folder that holds cub100_crops227.zip}"
step "prepare" speech2img prepare cub100 --root "$ROOT" --realdata "$SPEECH2IMG_REALDATA" --captions human --photographs crops --seed 0
step "synthesize" speech2img synthesize --root "$ROOT" --engine espeak
step "features" speech2img features --root "$ROOT" --mel-preset li2020 --image-size 128 --name googlenet --views 2 \
    --teacher "${TEACHER:-$SPEECH2IMG_REALDATA/weights/googlenet_bvlc.npz}"
