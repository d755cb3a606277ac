#!/usr/bin/env bash
# The latent flow of the shipped weights learns on, from where it is; then it paints behind their prior. After 07_latent_flow.sh, which
# makes its data. With noise on the features, since those that a prior draws are not quite like those of a picture.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
RUNS=${RUNS:-runs/songbirds}
step "flow, on" speech2img train generator --config "$here/generator-flow.toml" --root "$ROOT-more" --out "$RUNS/flow-on" \
    --set "initial=${INITIAL:-songbirds}" --set embedding_noise=1.0 --set "loop.max_steps=${STEPS:-6600}" \
    --set "compile=${COMPILE:-false}"
step "release" python "$here/../release.py" --model "${MODEL:-songbirds}" --encoder hear-anyone --flow "$RUNS/flow-on" \
    --out "$RUNS/release" --card "${CARD:-speech2img/released/songbirds/CARD.md}" --steps 10 --guidance 2.5 --guidance-until 0.6 \
    --mean-scale 1.75 --temperature 0.25 --num-candidates 1
