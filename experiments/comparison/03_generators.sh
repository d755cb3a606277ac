#!/usr/bin/env bash
# Generators of all systems, two seeds each, on the embeddings of the encoder of the same seed. Ours paints features, and a prior
# chooses them by what S2IGAN's encoder heard. $RUNS/model-<system>-<seed> is the whole model.
source "$(dirname "$0")/common.sh"
for seed in $GENERATOR_SEEDS; do
    for system in $SYSTEMS; do
        out=$RUNS/model-$system-$seed
        recipe=$here/generator-$system.toml
        sets=(--set "embeddings=$system-$seed" "${generator[@]}")
        if [ "$system" = ours ]; then
            out=$RUNS/painter-$seed
            recipe=$here/generator-ours-$CORPUS.toml
            sets=("${painter[@]}")
        fi
        step "generator $system-$seed" speech2img train generator --preset "$system" --config "$recipe" --root "$ROOT" --out "$out" \
            --set "loop.seed=$seed" "${sets[@]}"
        if [ "$system" = ours ]; then
            step "prior $system-$seed" speech2img train prior --preset ours --config "$here/prior-ours.toml" --root "$ROOT" \
                --out "$RUNS/model-ours-$seed" --set "generator=$out" --set "embeddings=s2igan-$seed" \
                --set features=$features --set "loop.seed=$seed" "${prior[@]}"
        fi
    done
done
