#!/usr/bin/env bash
# Kills long jobs with SIGKILL at random moments, starts them again, and compares what they leave with the work of a job
# that nobody killed. Fails if anything reported was lost or made twice, or if the end differs in a single byte.
#
#   bash tools/soak.sh [JOB...] [--items N] [--kills K] [--seed S] [--folder DIR]
#
#   JOB       mels, prepare, synthesize, train (default: all)
#   --items   size of the job: recordings, pictures, captions, steps (default: the full size of each)
#   --kills   how often each job is killed (default 20)
#   --seed    decides the moments (default 0; the clock has its say too)
#   --folder  where to work; emptied first, left there afterwards (default: a temporary folder)
#
# All at full size: about half an hour on two cores, 8 GB of disk. Environment: SPEECH2IMG_PYTHON as in tools/test.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${SPEECH2IMG_PYTHON:-${SPEECH2IMG_VENV:-.venv}/bin/python}
[ -n "${SPEECH2IMG_PYTHON:-}" ] || bash tools/venv.sh tts
exec "$python" tools/soak/main.py "$@"
