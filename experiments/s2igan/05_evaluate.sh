#!/usr/bin/env bash
# Measure on unseen utterances: songbirds by the judge, photographs by GoogLeNet and, as S2IGAN did, by Inception-v3.
# GENERATOR=weights/s2igan-generator measures a published generator on the same embeddings.
source "$(dirname "$0")/../common.sh"
CORPUS=${CORPUS:-songbirds}
ROOT=${ROOT:-data/$CORPUS}
RUNS=${RUNS:-runs/s2igan/$CORPUS}
model=(--model "${GENERATOR:-$RUNS/generator}")
if [ -n "${GENERATOR:-}" ]; then
    model+=(--embeddings "${EMBEDDINGS:-encoder}")
fi
if [ "$CORPUS" = songbirds ]; then
    how=(--split test_seen test)
else
    how=(--split test --network "${GOOGLENET:-weights/googlenet_bvlc.npz}" --inception "${INCEPTION:-weights/fid-inception}"
        --protocol s2igan)
fi
step "evaluate" speech2img evaluate "${model[@]}" --root "$ROOT" "${how[@]}" --limit "${LIMIT:-1000}" \
    --curves "$RUNS/encoder" "$RUNS/generator" --out "$RUNS/report"
