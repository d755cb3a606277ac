#!/usr/bin/env bash
# Train one system within MINUTES of the processor (user and system, one thread), all its trainings together. What is there is kept, and
# what was cut goes on.
#
#   bash experiments/benchmark/songbirds/02_train.sh SYSTEM
#
#   SYSTEM   li2020, s2igan, ours, latent-flow (default), latent-flow-frames, s2ivq-d, s2ivq-d-published, attngan, attngan-no-damsm,
#            attngan-no-attention or stackgan-v1; the whole model is $RUNS/SYSTEM afterwards
#
# GOOGLENET: weights of BVLC's GoogLeNet, for ours; TRUNK: release of 'speech2img import efficientnet-lite0', for attngan.
source "$(dirname "$0")/../../common.sh"
ROOT=${ROOT:-data/benchmark-songbirds}
RUNS=${RUNS:-runs/benchmark-songbirds}
MINUTES=${MINUTES:-20}
narrow=experiments/comparison
quick=experiments/songbirds/quickstart
system=${1:-latent-flow}
[ $# -le 1 ] || { echo "$0: one system at a time, got $*" >&2; exit 2; }

attngan() { train_within "$1" "$system" generator --preset attngan --config "$here/generator-attngan.toml" "${@:2}"; }
tokens() {
    train_within 40 codec codec --config "$here/codec-vqgan.toml"
    step "tokens" speech2img features --root "$ROOT" --mel-preset whisper --codec "$RUNS/codec"
    train_within 60 "$system" generator --config "$here/generator-$system.toml" --set "codec=$RUNS/codec"
}

case $system in
    li2020 | s2igan)
        train_within 100 "$system" generator --preset "$system" --config "$narrow/generator-$system.toml" --set embeddings=shared
        ;;
    ours)
        : "${GOOGLENET:?set it to the weights of GoogLeNet}"
        train_within 85 "$system-generator" generator --preset ours --config "$narrow/generator-ours-songbirds.toml" \
            --set "model.projection_network=$GOOGLENET"
        train_within 15 "$system" prior --config "$quick/prior.toml" --set embeddings=shared --set "generator=$RUNS/$system-generator"
        ;;
    latent-flow)
        train_within 85 "$system-generator" generator --config "$quick/generator.toml"
        train_within 15 "$system" prior --config "$quick/prior.toml" --set embeddings=shared --set "generator=$RUNS/$system-generator"
        ;;
    latent-flow-frames) train_within 100 "$system" generator --config "$here/generator-latent-flow-frames.toml" ;;
    s2ivq-d | s2ivq-d-published) tokens ;;
    attngan)
        train_within 25 damsm damsm --preset attngan --config "$here/damsm-attngan.toml" --set "trunk=${TRUNK:-weights/efficientnet-lite0}"
        attngan 75 --set "damsm=$RUNS/damsm"
        ;;
    attngan-no-damsm) attngan 100 ;;
    attngan-no-attention) attngan 100 --set model.attention=false ;;
    stackgan-v1) train_within 100 "$system" generator --config "$here/generator-stackgan-v1.toml" ;;
    *)
        sed -n '2,10p' "$0" >&2
        exit 2
        ;;
esac
