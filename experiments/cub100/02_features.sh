#!/usr/bin/env bash
# Log-mels, and the features of the published teacher (BVLC GoogLeNet): nothing is trained for it.
# VIEWS=10 gives Li et al.'s ten crops; every view costs a pass of 4,540 pictures.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/cub100}
: "${SPEECH2IMG_REALDATA:?set it to the folder that holds weights/googlenet_bvlc.npz}"
step "features" speech2img features --root "$ROOT" --mel-preset li2020 \
    --teacher "${TEACHER:-$SPEECH2IMG_REALDATA/weights/googlenet_bvlc.npz}" --name googlenet --views "${VIEWS:-2}"
