#!/usr/bin/env bash
# Train the generator on the embeddings.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/cub100}
RUNS=${RUNS:-runs/cub100}
step "generator" speech2img train generator --config "$here/generator.toml" --root "$ROOT" --out "$RUNS/generator"
