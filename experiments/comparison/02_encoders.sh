#!/usr/bin/env bash
# Speech encoders of both systems, three seeds each; their embeddings, and how well those find pictures and species.
# What is there already is kept: an interrupted call goes on.
source "$(dirname "$0")/common.sh"
for seed in $ENCODER_SEEDS; do
    for system in $SYSTEMS; do
        [ -f "$here/encoder-$system.toml" ] || continue
        name=$system-$seed
        more=("${encoder[@]}")
        if [ "$system$CORPUS" = li2020cub100 ]; then more+=(--set model.embedding_dim=1024); fi
        step "encoder $name" speech2img train encoder --preset "$system" --config "$here/encoder-$system.toml" --root "$ROOT" \
            --out "$RUNS/encoder-$name" --set "loop.seed=$seed" "${more[@]}"
        step "embeddings $name" speech2img extract --run "$RUNS/encoder-$name" --root "$ROOT" --name "$name"
        step "scores $name" python experiments/cub100/encoder_scores.py --root "$ROOT" --embeddings "$name" \
            --features "$features" --split $(printf "%s\n" val "${splits[@]}" | sort -u) --out "$RUNS/scores-$name.json"
    done
done
