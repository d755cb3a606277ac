#!/usr/bin/env bash
# The crops with four of people's captions each, spoken by espeak-ng in many voices; pictures of 128 px, and the teacher's features.
# googlenet96: the same network at 96 px, for discriminators that look through it at a third of the price.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/benchmark}
: "${SPEECH2IMG_REALDATA:?set it to the folder that holds cub100_crops227.zip}"
step "prepare" speech2img prepare cub100 --root "$ROOT" --realdata "$SPEECH2IMG_REALDATA" --captions human --photographs crops \
    --captions-per-picture 4 --seed 0
step "synthesize" speech2img synthesize --root "$ROOT" --engine espeak
step "features" speech2img features --root "$ROOT" --mel-preset whisper --image-size 128 --name googlenet --views 2 --side 160 \
    --teacher "${TEACHER:-$SPEECH2IMG_REALDATA/weights/googlenet_bvlc.npz}"
step "features at 96 px" speech2img features --root "$ROOT" --mel-preset whisper --image-size 128 --name googlenet96 --views 1 \
    --side 96 --teacher "${TEACHER:-$SPEECH2IMG_REALDATA/weights/googlenet_bvlc.npz}"
step "latents" speech2img features --root "$ROOT" --mel-preset whisper --image-size 128 --codec taef2 --mirrored
step "stand-ins for speech" speech2img extract --features googlenet --root "$ROOT"
