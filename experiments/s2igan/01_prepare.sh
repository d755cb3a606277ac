#!/usr/bin/env bash
# Make or verify the corpus, and speak it where nobody has. CORPUS=songbirds (default), cub, oxford102, flickr8k or places.
source "$(dirname "$0")/../common.sh"
CORPUS=${CORPUS:-songbirds}
ROOT=${ROOT:-data/$CORPUS}
case $CORPUS in
    songbirds) step "prepare" speech2img prepare songbirds --size "${SIZE:-full}" --root "$ROOT" ;;
    places) step "prepare" speech2img prepare places --subset rooms --root "$ROOT" ;;
    *) step "prepare" speech2img prepare "$CORPUS" --root "$ROOT" ;;
esac
case $CORPUS in
    songbirds | cub | oxford102) step "synthesize" speech2img synthesize --root "$ROOT" --engine "${ENGINE:-espeak}" ;;
esac
