#!/usr/bin/env bash
# All that only CUDA can show, in at most 9 minutes of one GPU, most important first; nothing comes from the net.
#
#   bash tools/gpu.sh OUT [--data FILE] [--minutes 9] [--device auto|cpu|cuda]
#
#   OUT      folder for what is found: summary.json, a log a step, the grid of the training
#   --data   file of tools/gpu/pack.py (at most 20 MB): photographs at 128 px and their embeddings, for the training at the end
#
# Steps: the tests marked gpu; agreement with the CPU in each precision; peak memory at 256 px, batch 24; training steps of the
# encoder and of the generator against the published ones; the arithmetic with graphs and compile; then the training for the
# minutes that are left. A step that fails or runs too long is told in the summary, and the others go on. Without a GPU the same
# steps run small on the CPU.
#
# Environment: SPEECH2IMG_PYTHON   an interpreter that has everything (default: .venv/bin/python, else python3)
set -euo pipefail
cd "$(dirname "$0")/.."
python=${SPEECH2IMG_PYTHON:-.venv/bin/python}
[ -x "$(command -v "$python")" ] || python=python3
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} SPEECH2IMG_PYTHON=$python
exec "$python" tools/gpu/main.py "$@"
