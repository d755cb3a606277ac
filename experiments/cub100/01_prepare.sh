#!/usr/bin/env bash
# 4,540 CUB photographs of 100 species from the data folder SPEECH2IMG_REALDATA; captions are written and spoken here.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/cub100}
: "${SPEECH2IMG_REALDATA:?set it to the folder that holds cub100_crops227.zip}"
step "prepare" speech2img prepare cub100 --root "$ROOT" --realdata "$SPEECH2IMG_REALDATA"
step "synthesize" speech2img synthesize --root "$ROOT" --engine espeak
