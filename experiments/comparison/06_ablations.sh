#!/usr/bin/env bash
# Each published form in the place of its correction, and ours piece by piece (songbirds). After 02 to 04; what is there is kept.
# Encoders are compared by their last evaluation on validation pictures, models as in 04_evaluate.sh.
source "$(dirname "$0")/common.sh"
[ "$CORPUS" = songbirds ] || { echo "the ablations are for CORPUS=songbirds" >&2; exit 2; }
ABLATION_SEEDS=${ABLATION_SEEDS:-0 1}
published_losses=(losses.form=published losses.distillation=1000 losses.l1=5)
short=(loop.max_steps=400)

# encoder NAME SYSTEM [SETTING...]
encoder() {
    local name=$1 system=$2
    shift 2
    for seed in $ABLATION_SEEDS; do
        step "encoder $name-$seed" speech2img train encoder --preset "$system" --config "$here/encoder-$system.toml" --root "$ROOT" \
            --out "$RUNS/encoder-$name-$seed" --set "loop.seed=$seed" $(printf -- "--set %s " "$@")
    done
}
# generator NAME RECIPE [SETTING...]
generator() {
    local name=$1 recipe=$2
    shift 2
    step "generator $name" speech2img train generator --preset "${recipe%%-*}" --config "$here/generator-$recipe.toml" --root "$ROOT" \
        --out "$RUNS/$name-0" --set loop.seed=0 $(printf -- "--set %s " "$@")
}

encoder li2020-losses li2020 "${published_losses[@]}"
encoder li2020-pooling li2020 model.pooling=padded_mean
encoder li2020-unmasked li2020 model.masked=false
encoder li2020-published li2020 "${published_losses[@]}" model.masked=false model.pooling=padded_mean model.pad_value=0.0
ABLATION_SEEDS=0 encoder li2020-long li2020 loop.max_steps=5000 # about as long by the clock as S2IGAN's
encoder s2igan-short s2igan "${short[@]}"
encoder s2igan-short-unmasked s2igan "${short[@]}" crnn.masked=false
encoder s2igan-short-start s2igan "${short[@]}" crnn.attention_start=published

generator model-relation-published s2igan embeddings=s2igan-0 relation.form=published
generator model-relation-none s2igan embeddings=s2igan-0 relation.weight=0
generator model-no-prior ours-songbirds "${painter[1]}" embeddings=s2igan-0
generator painter-pixels ours-songbirds model.discriminators=pixels
generator painter-rates ours-songbirds "${painter[1]}" learning_rate=5e-4 discriminator_learning_rate=3e-4 schedule=constant
for name in pixels rates; do
    step "prior of painter-$name" speech2img train prior --preset ours --config "$here/prior-ours.toml" --root "$ROOT" \
        --out "$RUNS/model-$name-0" --set "generator=$RUNS/painter-$name-0" --set embeddings=s2igan-0 \
        --set features=$features --set loop.seed=0 "${prior[@]}"
done
GENERATOR_SEEDS=0 SYSTEMS="relation-published relation-none no-prior pixels rates" bash "$here/04_evaluate.sh"

step "table" python "$here/table.py" --runs "$RUNS" --splits --out "$RUNS/ablations.md" --variants \
    li2020="Li et al., corrected" li2020-losses="losses as published" li2020-pooling="mean over the padding as well" \
    li2020-unmasked="padding not masked" li2020-published="all of these, padded with the loudest value" \
    li2020-long="corrected, 5,000 steps" s2igan-short="SEN, corrected, 400 steps" s2igan-short-unmasked="padding not masked, 400 steps" \
    s2igan-short-start="attention starts as published, 400 steps" \
    s2igan="S2IGAN, corrected" relation-published="relation as published" relation-none="without relation" \
    ours="ours" no-prior="ours without prior" \
    pixels="ours, discriminators of pixels" rates="ours, rates of the other two"
step "grid" python "$here/grid.py" --root "$ROOT" --split test_seen --rows 7 --out "$RUNS/ablations.png" --models \
    "$RUNS/model-relation-none-0" "$RUNS/model-no-prior-0" "$RUNS/model-pixels-0" "$RUNS/model-ours-0"
