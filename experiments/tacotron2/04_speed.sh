#!/usr/bin/env bash
# The network of the published size with random weights: many texts at once beside one at a time.
source "$(dirname "$0")/../common.sh"
step "speed" python "$here/speed.py" "$@"
