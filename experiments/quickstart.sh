#!/usr/bin/env bash
# First a page of what the weights of the package make of twelve voices. Then the whole way, about 10 minutes on two quiet CPU
# cores: a small corpus is drawn and spoken, four networks are trained, a report shows what they make of speech that they never
# heard, and the page gets a column of their own. Nothing is ready but the acoustic front-end (Whisper tiny.en's encoder) and the codec (TAEF2); every
# training has a number of steps: on a slower or a busy machine it takes longer and comes out the same.
#
#   bash experiments/quickstart.sh [FOLDER]      default FOLDER: runs/quickstart
#
# Interrupted? The same command goes on where it was.
source "$(dirname "$0")/common.sh"
out=${1:-runs/quickstart}
root=$out/songbirds
toml=experiments/songbirds/quickstart
begin=$SECONDS

step "listen and look: what the weights of the package make of twelve voices" speech2img gallery --out "$out/gallery"
printf '   Look at %s/gallery/index.html while the rest runs.\n' "$out"
step "draw the birds and write the captions" speech2img prepare songbirds --size quick --root "$root"
step "speak the captions" speech2img synthesize --root "$root"
step "teacher: reads species and attributes off pictures" \
    speech2img train teacher --config "$toml/teacher.toml" --root "$root" --out "$out/teacher"
step "log-mels and teacher features" speech2img features --root "$root" --mel-preset whisper --teacher "$out/teacher"
step "stand-ins for speech: features of the pictures" speech2img extract --features teacher --root "$root"
step "latents of the pictures" speech2img features --root "$root" --mel-preset whisper --codec taef2
beside "generator: paints from features of pictures" "$out/generator.log" \
    speech2img train generator --config "$toml/generator.toml" --root "$root" --out "$out/generator"
step "speech encoder: hears what the teacher sees" \
    speech2img train encoder --config "$toml/encoder.toml" --root "$root" --out "$out/encoder" \
    --set "losses.heads_of=$out/teacher"
step "speech embeddings" speech2img extract --run "$out/encoder" --root "$root"
await
step "prior: which picture would fit what was heard" \
    speech2img train prior --config "$toml/prior.toml" --root "$root" --out "$out/prior" --set "generator=$out/generator"
step "measure on unseen utterances of seen species" \
    speech2img evaluate --model "$out/prior" --root "$root" --split test_seen --out "$out/report" --limit 400 \
    --curves "$out/teacher" "$out/encoder" "$out/generator"
step "the twelve voices again, with a column of the new system" \
    speech2img gallery --model hear-anyone --model "$out/prior" --out "$out/gallery"

printf '\nDone after %d s. Look at %s/gallery/index.html, and for the numbers at' $((SECONDS - begin)) "$out"
printf ' %s/report/report.html (or report.md).\n' "$out"
