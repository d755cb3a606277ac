#!/usr/bin/env bash
# Two languages in one training (S2IVQ-D's "mix"): each picture has captions of both, and one is drawn at random. The encoder is then
# measured on the mixed corpus, as a whole and language by language, and on the corpora of either language, which hold the same
# pictures, beside those that learned one language alone: call
# LANGUAGES="en de ar" 02_languages.sh before. MIX="en+ar" does only this.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/languages}
RUNS=${RUNS:-runs/languages}
toml=experiments/songbirds/quickstart
for mix in ${MIX:-en+de en+ar}; do
    root=$ROOT/$mix runs=$RUNS/$mix
    step "prepare $mix" speech2img prepare songbirds --size small --language "$mix" --root "$root"
    step "synthesize" speech2img synthesize --root "$root"
    step "features" speech2img features --root "$root" --teacher "$RUNS/teacher"
    step "encoder" speech2img train encoder --config "$here/encoder.toml" --root "$root" --out "$runs/encoder"
    step "embeddings" speech2img extract --run "$runs/encoder" --root "$root"
    step "prior" speech2img train prior --config "$toml/prior.toml" --root "$root" --out "$runs/prior" \
        --set "generator=$RUNS/generator" --set loop.max_steps=1500
    step "evaluate the mix" speech2img evaluate --model "$runs/prior" --root "$root" --split test_seen --limit "${LIMIT:-2000}" \
        --out "$runs/report"
    for language in ${mix//+/ }; do
        step "evaluate in $language" speech2img evaluate --model "$runs/prior" --root "$ROOT/$language" --split test_seen \
            --limit "${LIMIT:-2000}" --out "$runs/report-$language"
    done
done
