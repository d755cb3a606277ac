#!/usr/bin/env bash
# Eight clips of LJ Speech in their own layout; for the whole corpus, unpack LJSpeech-1.1.tar.bz2 and set ROOT to it.
source "$(dirname "$0")/../common.sh"
ROOT=${ROOT:-data/ljspeech8}
ZIP=${ZIP:-${SPEECH2IMG_REALDATA:?set it to the data folder, or ZIP to ljspeech8.zip}/ljspeech8.zip}
step "unpack" python -m zipfile -e "$ZIP" "$ROOT"
