#!/usr/bin/env bash
# 4,540 crops of CUB photographs (89 species) from the data folder SPEECH2IMG_REALDATA with people's captions, spoken by espeak-ng.
# A folder that was prepared with written captions keeps them. PHOTOGRAPHS=whole: 1,185 whole ones of 20 species, for 256 px.
source "$(dirname "$0")/../common.sh"
PHOTOGRAPHS=${PHOTOGRAPHS:-crops}
if [ "$PHOTOGRAPHS" = whole ]; then ROOT=${ROOT:-data/cub100-whole}; else ROOT=${ROOT:-data/cub100}; fi
: "${SPEECH2IMG_REALDATA:?set it to the folder that holds cub100_crops227.zip}"
step "prepare" speech2img prepare cub100 --root "$ROOT" --realdata "$SPEECH2IMG_REALDATA" --photographs "$PHOTOGRAPHS"
step "synthesize" speech2img synthesize --root "$ROOT" --engine espeak
