#!/usr/bin/env bash
# Draw the birds, write the captions, speak them. SIZE=tiny|small|full (default full), ROOT and RUNS as in every script here.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
step "prepare" speech2img prepare songbirds --size "${SIZE:-full}" --root "$ROOT"
step "synthesize" speech2img synthesize --root "$ROOT" --engine espeak
