#!/usr/bin/env bash
# Train one system within MINUTES of the processor (user and system, one thread), all its trainings together. What is there is kept, and
# what was cut goes on.
#
#   bash experiments/benchmark/05_train.sh SYSTEM
#
#   SYSTEM   latent-flow (default), ours, s2igan or li2020; the whole model is $RUNS/SYSTEM afterwards
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/benchmark}
RUNS=${RUNS:-runs/benchmark}
MINUTES=${MINUTES:-60}
system=${1:-latent-flow}
[ $# -le 1 ] || { echo "$0: one system at a time, got $*" >&2; exit 2; }

case $system in
    li2020 | s2igan) train_within 100 "$system" generator --preset "$system" --config "$here/generator-$system.toml" ;;
    latent-flow) train_within 95 "$system-generator" generator --config "$here/generator-$system.toml" --set "compile=${COMPILE:-true}" ;;
    ours) train_within 95 "$system-generator" generator --preset ours --config "$here/generator-$system.toml" ;;
    *)
        sed -n '2,7p' "$0" >&2
        exit 2
        ;;
esac
case $system in
    latent-flow | ours) train_within 5 "$system" prior --config "$here/prior.toml" --set "generator=$RUNS/$system-generator" ;;
esac
