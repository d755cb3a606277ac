#!/usr/bin/env bash
# Makes a virtual environment with speech2img in it and prints where it is.
#
#   bash tools/venv.sh [EXTRAS]        EXTRAS as pip writes them, default "tts" (tools/test.sh asks for "dev,tts,app")
#
# Environment: SPEECH2IMG_VENV  the folder (default .venv)
#              PYTHON           the interpreter to build on (default python3, 3.11 or newer)
#
# A torch >= 2.10 that $PYTHON can already import (a cu126 build for a Pascal card, say) is used as it is, from where it
# is: the new environment sees that interpreter's packages and pip may not replace torch. Otherwise
# tools/constraints.txt pins the version that the tests ran with. Nothing outside the new environment is changed.
set -euo pipefail
cd "$(dirname "$0")/.."
extras=${1:-tts}
venv=${SPEECH2IMG_VENV:-.venv}
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "tools/venv.sh: $("$python" --version) is too old; speech2img needs Python 3.11 or newer (set PYTHON=...)" >&2
    exit 2
}

# "VERSION FOLDER" of a usable torch outside the environment, or nothing
found=$("$python" - <<'PY'
import importlib.metadata, importlib.util, pathlib, re
spec = importlib.util.find_spec("torch")
if spec and spec.origin:
    version = importlib.metadata.version("torch")
    if tuple(int(n) for n in re.findall(r"\d+", version)[:2]) >= (2, 10):
        print(version, pathlib.Path(spec.origin).parent.parent)
PY
)

stamp=$( (echo "$extras|$found|$PWD"; cat pyproject.toml tools/constraints.txt) | cksum)
if [ -f "$venv/.installed" ] && [ "$(cat "$venv/.installed")" = "$stamp" ]; then
    exit 0
fi

echo "installing speech2img[$extras] into $venv (a few minutes the first time)"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
constraints=$venv/constraints.txt
cp tools/constraints.txt "$constraints"
if [ -n "$found" ] && [ "$(cd "$venv" && pwd -P)" != "$("$python" -c 'import sys, os; print(os.path.realpath(sys.prefix))')" ]; then
    echo "  torch ${found%% *} is here already and stays as it is"
    echo "torch==${found%% *}" > "$constraints"
    site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "${found#* }" > "$site/speech2img-host-torch.pth"
fi
"$venv/bin/python" -m pip install -qq --disable-pip-version-check -c "$constraints" -e ".[$extras]" &
pip=$!
trap 'kill $pip 2>/dev/null || true' EXIT  # a background job does not get Ctrl-C by itself
seconds=0
while kill -0 $pip 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    [ $((seconds % 10)) -ne 0 ] || echo "  $seconds s, $(du -sm "$venv" | cut -f1) MB"
done
wait $pip
trap - EXIT
echo "$stamp" > "$venv/.installed"
echo "  installed after $seconds s"
