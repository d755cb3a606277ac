#!/usr/bin/env bash
# Pair spoken digits with handwritten ones and verify the folder, and set pictures apart for the judge.
# SPEECH2IMG_REALDATA: folder with fsdd_3speakers.zip and mnist_t10k/. ROOT and RUNS as in every script here.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/spoken-digits}
: "${SPEECH2IMG_REALDATA:?set it to the folder with fsdd_3speakers.zip and mnist_t10k/}"
step "tree" python "$here/make_tree.py" --realdata "$SPEECH2IMG_REALDATA" --root "$ROOT" --judge "$ROOT-judge"
step "prepare" speech2img prepare folder --root "$ROOT"
step "prepare the judge's pictures" speech2img prepare folder --root "$ROOT-judge"
