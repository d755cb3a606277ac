#!/usr/bin/env bash
# Kills long jobs with SIGKILL at random moments, starts them again, and compares what they leave with the work of a job
# that nobody killed. Fails if anything reported was lost or made twice, or if the end differs in a single byte.
# Trainings have more to endure: signals, full disks, no memory, nonsense in their numbers.
#
#   bash tools/soak.sh [JOB...] [--items N] [--kills K] [--seed S] [--trainers A,B] [--folder DIR]
#
#   JOB         long jobs by their own verbs: mels, prepare, synthesize, train;
#               every trainer at toy size: R1 SIGKILL at random moments, R2 SIGKILL within a save, R5 a stop every 7
#               steps, R6 SIGTERM and SIGINT at random moments, R12 a full disk, R13 no memory, R14 values that are not
#               finite, R15 two trainers in one folder, ranks: SIGKILL of one of two processes, torchrun: the same of
#               the real torchrun; mutants: damaged files through every reader (default: all)
#   --items     size of a job: recordings, pictures, captions; steps of a training (default: the full size of each)
#   --kills     how often each is done (default: 20 for jobs; R1 100, R2 96, R5 20, R6 50, R12 50, R13 30, R14 40, R15 20,
#               ranks 100, torchrun 20 for each trainer)
#   --count     mutants in all (default 12,000)
#   --seed      decides the moments (default 0; the clock has its say too)
#   --trainers  encoder, s2igan encoder, teacher, judge, prior, generator, plain generator, classifier, tacotron2
#               (default: all)
#   --folder    where to work; emptied first, left there afterwards (default: a temporary folder)
#
# The jobs at full size: about half an hour on two cores, 8 GB of disk. R12 needs root, to mount a disk of 40 MB, and is
# skipped without. Environment: SPEECH2IMG_PYTHON as in tools/test.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${SPEECH2IMG_PYTHON:-${SPEECH2IMG_VENV:-.venv}/bin/python}
[ -n "${SPEECH2IMG_PYTHON:-}" ] || bash tools/venv.sh tts
# The stand-ins of the trainings are those of the tests.
export PYTHONPATH=$PWD/tests${PYTHONPATH:+:$PYTHONPATH}
exec "$python" tools/soak/main.py "$@"
