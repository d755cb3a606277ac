#!/usr/bin/env bash
# Does a front-end that learned from English transcripts help in a language that nobody writes? Lumari, heard by the quickstart's adapter on
# Whisper's frozen encoder and by an encoder from log-mels that learns from nothing, before the same generator. After 01_corpus.sh and
# 02_train.sh latent-flow of experiments/benchmark/songbirds, whose teacher and generator they share (BENCHMARK: its runs).
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/languages/lumari-quick}
RUNS=${RUNS:-runs/languages/lumari-front-end}
BENCHMARK=${BENCHMARK:-runs/benchmark-songbirds}
toml=experiments/songbirds/quickstart
step "prepare" speech2img prepare songbirds --size quick --language lumari --root "$ROOT"
step "synthesize" speech2img synthesize --root "$ROOT"
step "features" speech2img features --root "$ROOT" --mel-preset whisper --teacher "$BENCHMARK/teacher"
step "log-mels" speech2img features --root "$ROOT" --mel-preset li2020 --teacher "$BENCHMARK/teacher"
step "encoder on Whisper" speech2img train encoder --config "$toml/encoder.toml" --root "$ROOT" --out "$RUNS/encoder-whisper" \
    --set "losses.heads_of=$BENCHMARK/teacher"
step "encoder from log-mels" speech2img train encoder --config "$here/encoder.toml" --root "$ROOT" --out "$RUNS/encoder-mel" \
    --set "loop.max_steps=${STEPS:-2271}"
for front_end in whisper mel; do
    step "embeddings" speech2img extract --run "$RUNS/encoder-$front_end" --root "$ROOT" --name "$front_end"
    step "prior" speech2img train prior --config "$toml/prior.toml" --root "$ROOT" --out "$RUNS/$front_end" \
        --set "embeddings=$front_end" --set "generator=$BENCHMARK/latent-flow-generator" --set loop.max_steps=2500
    step "evaluate" speech2img evaluate --model "$RUNS/$front_end" --root "$ROOT" --split test_seen test --limit 350 \
        --out "$RUNS/report-$front_end"
done
