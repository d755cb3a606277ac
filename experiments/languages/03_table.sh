#!/usr/bin/env bash
# One table of the reports of all languages, and one grid of pictures.
source "$(dirname "$0")/../common.sh"
RUNS=${RUNS:-runs/languages}
step "table" python "$here/table.py" --runs "$RUNS" --out "${OUT:-$RUNS/table.md}"
step "grid" python "$here/grid.py" --runs "$RUNS" --out "${GRID:-$RUNS/grid}"
