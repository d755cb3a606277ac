#!/usr/bin/env bash
# The floor: as many real photographs of training as a model paints against those of the unseen species, at 128 px.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/benchmark}
RUNS=${RUNS:-runs/benchmark}
for split in train test; do
    step "list of $split" python "$here/split_list.py" --root "$ROOT" --split "$split" --limit 1000 --out "$RUNS/$split.txt"
done
step "floor" speech2img evaluate --network "${INCEPTION:-weights/fid-inception}" --allow-small --seed 0 --fit squash --side 128 \
    --generated "$ROOT/CUB_200_2011/images" --list-generated "$RUNS/train.txt" \
    --real "$ROOT/CUB_200_2011/images" --list-real "$RUNS/test.txt" --out "$RUNS/floor"
