#!/usr/bin/env bash
# What needs no speech, once for all languages: pictures, teacher, generator. The pictures are the same in every language.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/languages}
RUNS=${RUNS:-runs/languages}
toml=experiments/songbirds/quickstart
root=$ROOT/en
step "prepare" speech2img prepare songbirds --size small --root "$root"
step "synthesize" speech2img synthesize --root "$root"
step "teacher" speech2img train teacher --config "$toml/teacher.toml" --root "$root" --out "$RUNS/teacher"
step "features" speech2img features --root "$root" --teacher "$RUNS/teacher"
step "stand-ins for speech" speech2img extract --features teacher --root "$root"
step "latents of the pictures" speech2img features --root "$root" --image-size 128 --codec taef2
step "generator" speech2img train generator --config "$toml/generator.toml" --root "$root" --out "$RUNS/generator"
