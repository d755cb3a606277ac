#!/usr/bin/env bash
# Speak the captions of test_seen that evaluate takes, in voices that no training hears: one folder an engine below VOICES.
# PYTHON: an interpreter with the engines' packages; see test_sets.py --help for what each needs.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/songbirds}
VOICES=${VOICES:-data/unheard-voices}
step "test sets" "${PYTHON:-python}" "$here/test_sets.py" --root "$ROOT" --out "$VOICES" --limit "${LIMIT:-400}" --models "${MODELS:-weights}"
