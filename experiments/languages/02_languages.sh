#!/usr/bin/env bash
# Each language: its captions spoken, an encoder and a prior trained on them, the report. Steps are counted, not minutes, so
# that what else the machine does changes nothing. LANGUAGES="de lumari" does only these.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/languages}
RUNS=${RUNS:-runs/languages}
toml=experiments/songbirds/quickstart
for language in ${LANGUAGES:-en de fr es lumari}; do
    root=$ROOT/$language runs=$RUNS/$language
    step "prepare $language" speech2img prepare songbirds --size small --language "$language" --root "$root"
    step "synthesize" speech2img synthesize --root "$root"
    step "features" speech2img features --root "$root" --teacher "$RUNS/teacher"
    step "encoder" speech2img train encoder --config "$here/encoder.toml" --root "$root" --out "$runs/encoder"
    step "embeddings" speech2img extract --run "$runs/encoder" --root "$root"
    step "prior" speech2img train prior --config "$toml/prior.toml" --root "$root" --out "$runs/prior" \
        --set "generator=$RUNS/generator" --set loop.max_steps=1500
    step "evaluate" speech2img evaluate --model "$runs/prior" --root "$root" --split test_seen --limit "${LIMIT:-2000}" \
        --out "$runs/report"
done
