#!/usr/bin/env bash
# AttnGAN on songbirds from the frames of an encoder that is trained already ($ENCODER, a run folder): a DAMSM, then the generator
# under it, and beside it one without the DAMSM and one without attention. $TRUNK is a release of import efficientnet-lite0.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds} RUNS=${RUNS:-runs/attngan} ENCODER=${ENCODER:-runs/encoder}
TRUNK=${TRUNK:-weights/efficientnet-lite0}
step "frames" speech2img extract --run "$ENCODER" --root "$ROOT" --name encoder --frames
step "damsm" speech2img train damsm --preset attngan --config "$here/damsm.toml" --set "trunk=$TRUNK" --root "$ROOT" \
    --out "$RUNS/damsm"
recipe=$here/generator-attngan.toml
step "attngan" speech2img train generator --preset attngan --config "$recipe" --set "damsm=$RUNS/damsm" --root "$ROOT" \
    --out "$RUNS/generator"
step "without DAMSM" speech2img train generator --preset attngan --config "$recipe" --root "$ROOT" --out "$RUNS/no-damsm"
step "without attention" speech2img train generator --preset attngan --config "$recipe" --set model.attention=false \
    --root "$ROOT" --out "$RUNS/no-attention"
