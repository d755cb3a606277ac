#!/usr/bin/env bash
# The whole way in about ten minutes on two CPU cores: a small corpus is drawn and spoken, four networks are trained,
# and a report shows what they paint from speech that they never heard.
#
#   bash experiments/quickstart.sh [FOLDER]      default FOLDER: runs/quickstart
#
# Interrupted? The same command goes on where it was.
source "$(dirname "$0")/common.sh"
out=${1:-runs/quickstart}
root=$out/songbirds
toml=experiments/songbirds/quickstart
begin=$SECONDS

step "draw the birds and write the captions" speech2img prepare songbirds --size small --root "$root"
step "speak the captions" speech2img synthesize --root "$root"
step "teacher: reads species and attributes off pictures" \
    speech2img train teacher --config "$toml/teacher.toml" --root "$root" --out "$out/teacher"
step "log-mels and teacher features" speech2img features --root "$root" --teacher "$out/teacher"
step "stand-ins for speech: features of the pictures" speech2img extract --features teacher --root "$root"
beside "generator: paints from features of pictures" "$out/generator.log" \
    speech2img train generator --config "$toml/generator.toml" --root "$root" --out "$out/generator"
step "speech encoder: hears what the teacher sees" \
    speech2img train encoder --config "$toml/encoder.toml" --root "$root" --out "$out/encoder"
await
step "speech embeddings" speech2img extract --run "$out/encoder" --root "$root"
step "prior: which picture would fit what was heard" \
    speech2img train prior --config "$toml/prior.toml" --root "$root" --out "$out/prior" --set "generator=$out/generator"
step "measure on unseen utterances of seen species" \
    speech2img evaluate --model "$out/prior" --root "$root" --split test_seen --out "$out/report" --limit 400 \
    --curves "$out/teacher" "$out/encoder" "$out/generator"

printf '\nDone after %d s. Look at %s/report/report.html (or report.md).\n' $((SECONDS - begin)) "$out"
