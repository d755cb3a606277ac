# Shared by the scripts of this folder: sourced, not run.
#
# Sets $here (folder of the calling script), $repo, and puts the speech2img command of a working environment on the path:
# the active one if it has speech2img, else .venv (made on first use).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"
if [ -n "${SPEECH2IMG_VENV:-}" ] || ! command -v speech2img > /dev/null; then
    bash tools/venv.sh tts
    export PATH="$(cd "${SPEECH2IMG_VENV:-.venv}" && pwd)/bin:$PATH"
fi

# A training that a signal stops ends its script too, and nothing is built on half of it.
export SPEECH2IMG_STOPPED_STATUS=${SPEECH2IMG_STOPPED_STATUS:-75}

# share PERCENT: so much of MINUTES
share() {
    [[ $MINUTES =~ ^[0-9]+([.][0-9]+)?$ ]] || { echo "MINUTES: '$MINUTES' is no number of minutes; use one such as 60 or 0.5" >&2; exit 2; }
    awk -v minutes="$MINUTES" -v percent="$1" 'BEGIN { print minutes * percent / 100 }'
}

# step NAME COMMAND...: say what runs and how long it took
step() {
    local name=$1 start=$SECONDS
    shift
    printf '\n== %s\n   %s\n' "$name" "$*"
    "$@"
    printf '   (%d s)\n' $((SECONDS - start))
}

# train_within PERCENT NAME KIND ARGUMENT...: a training that has so much of MINUTES; its run is $RUNS/NAME
train_within() {
    local minutes name=$2 kind=$3
    minutes=$(share "$1")
    shift 3
    step "$name: $minutes minutes" speech2img train "$kind" --root "$ROOT" --out "$RUNS/$name" "$@" --set loop.threads=1 \
        --set loop.precision=auto --set loop.max_steps=1000000 --set "loop.max_processor_minutes=$minutes"
}

# beside NAME LOG COMMAND...: start it on the side, its output in LOG; `await` waits for it, and shows LOG's end if it failed
beside() {
    side_name=$1 side_log=$2
    mkdir -p "$(dirname "$side_log")"
    shift 2
    printf '\n== %s (on the side, see %s)\n   %s\n' "$side_name" "$side_log" "$*"
    "$@" > "$side_log" 2>&1 &
    side=$!
    trap 'kill $side 2> /dev/null || true' EXIT
}
await() {
    if ! wait $side; then
        tail -n 3 "$side_log" >&2
        exit 1
    fi
    trap - EXIT
    printf '   %s: done\n' "$side_name"
}
