#!/usr/bin/env bash
# Log-mels for Whisper, and what a frozen network sees in the images: songbirds' own teacher, else GoogLeNet (TEACHER, from
# 'speech2img import caffe-googlenet'), in the place of CLIP RN50x64. They are what speech is brought next to.
source "$(dirname "$0")/../common.sh"
CORPUS=${CORPUS:-songbirds}
ROOT=${ROOT:-data/$CORPUS}
RUNS=${RUNS:-runs/s2ivq-d/$CORPUS}
NAME=googlenet
if [ "$CORPUS" = songbirds ]; then
    NAME=teacher
    TEACHER=${TEACHER:-$RUNS/teacher}
    if [ "$TEACHER" = "$RUNS/teacher" ]; then
        step "teacher" speech2img train teacher --config experiments/songbirds/teacher.toml --root "$ROOT" --out "$TEACHER"
    fi
fi
step "features" speech2img features --root "$ROOT" --mel-preset whisper --teacher "${TEACHER:-weights/googlenet}" --name "$NAME"
