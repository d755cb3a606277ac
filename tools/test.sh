#!/usr/bin/env bash
# Lint, types and tests, in an environment of its own. The last lines are pytest's summary.
#
#   bash tools/test.sh [--gpu] [pytest arguments]
#
#   --gpu   only the tests that need a CUDA device
#
# Environment: SPEECH2IMG_VENV      the virtual environment (default .venv; made when missing)
#              SPEECH2IMG_PYTHON    an interpreter that has everything already: nothing is installed
#              SPEECH2IMG_REALDATA  folder with the real photographs and recordings; without it those tests are skipped
set -euo pipefail
cd "$(dirname "$0")/.."
gpu=
[ "${1:-}" != --gpu ] || { gpu=1; shift; }

if [ -n "${SPEECH2IMG_PYTHON:-}" ]; then
    python=$SPEECH2IMG_PYTHON
else
    bash tools/venv.sh dev,tts,app
    python=${SPEECH2IMG_VENV:-.venv}/bin/python
fi

if [ -n "$gpu" ]; then
    exec "$python" -m pytest --gpu -m gpu "$@"
fi

echo "== ruff"
"$python" -m ruff check .
"$python" -m ruff format --check .
echo "== mypy"
"$python" -m mypy
echo "== pytest"
# One thread a worker: the tests are small, and two workers that share two cores lose more to waiting than they gain.
export OMP_NUM_THREADS=1
[ $# -eq 0 ] || exec "$python" -m pytest "$@"
exec "$python" -m pytest -n "${SPEECH2IMG_TEST_WORKERS:-2}" --cov --cov-report=term --cov-fail-under=95
