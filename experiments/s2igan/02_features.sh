#!/usr/bin/env bash
# Log-mels by S2IGAN's front-end, and the features that the image head starts from: Inception-v3's as published
# (TEACHER, from 'speech2img import torchvision-inception'), or those of the small teacher that songbirds trains.
source "$(dirname "$0")/../common.sh"
CORPUS=${CORPUS:-songbirds}
ROOT=${ROOT:-data/$CORPUS}
RUNS=${RUNS:-runs/s2igan/$CORPUS}
NAME=inception
MELS=s2igan
case $CORPUS in
    songbirds)
        NAME=teacher
        TEACHER=${TEACHER:-$RUNS/teacher}
        step "teacher" speech2img train teacher --config experiments/songbirds/teacher.toml --root "$ROOT" --out "$TEACHER"
        ;;
    flickr8k | places) MELS=s2igan_native16k ;;
esac
step "features" speech2img features --root "$ROOT" --mel-preset "$MELS" --teacher "${TEACHER:-weights/inception}" --name "$NAME"
