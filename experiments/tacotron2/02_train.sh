#!/usr/bin/env bash
# Learn the clips by heart on one core; an interrupted call goes on where it was.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/ljspeech8}
RUNS=${RUNS:-runs/tacotron2}
export OMP_NUM_THREADS=1
step "tacotron2" speech2img train tacotron2 --config "$here/ljspeech8.toml" --root "$ROOT" --out "$RUNS/ljspeech8" "$@"
