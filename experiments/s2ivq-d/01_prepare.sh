#!/usr/bin/env bash
# Make or verify the corpus, and speak it where nobody has. CORPUS=songbirds (default), cub100 (photographs of the data folder
# SPEECH2IMG_REALDATA) or flickr8k.
source "$(dirname "$0")/../common.sh"
CORPUS=${CORPUS:-songbirds}
ROOT=${ROOT:-data/$CORPUS}
case $CORPUS in
    songbirds) step "prepare" speech2img prepare songbirds --size "${SIZE:-full}" --root "$ROOT" ;;
    cub100)
        : "${SPEECH2IMG_REALDATA:?set it to the folder that holds cub100_crops227.zip}"
        step "prepare" speech2img prepare cub100 --root "$ROOT" --realdata "$SPEECH2IMG_REALDATA"
        ;;
    *) step "prepare" speech2img prepare "$CORPUS" --root "$ROOT" ;;
esac
if [ "$CORPUS" != flickr8k ]; then
    step "synthesize" speech2img synthesize --root "$ROOT" --engine espeak
fi
