#!/usr/bin/env bash
# The same with each speaker in turn unheard in training: only encoder and prior are trained anew.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/spoken-digits}
RUNS=${RUNS:-runs/spoken-digits}
: "${SPEECH2IMG_REALDATA:?set it to the folder with fsdd_3speakers.zip and mnist_t10k/}"
for name in jackson nicolas yweweler; do
    root=$ROOT-without-$name runs=$RUNS/without-$name
    step "tree" python "$here/make_tree.py" --realdata "$SPEECH2IMG_REALDATA" --root "$root" --hold-out "$name"
    step "prepare" speech2img prepare folder --root "$root"
    step "features" speech2img features --root "$root" --mel-preset li2020 --teacher "$RUNS/teacher"
    step "encoder" speech2img train encoder --config "$here/encoder.toml" --root "$root" --out "$runs/encoder"
    step "embeddings" speech2img extract --run "$runs/encoder" --root "$root"
    step "prior" speech2img train prior --config "$here/prior.toml" --root "$root" --out "$runs/prior" \
        --set "generator=$RUNS/generator"
    step "accuracy" python "$here/measure.py" --model "$runs/prior" --judge "$RUNS/judge" --root "$root" \
        --out "$runs/report"
done
