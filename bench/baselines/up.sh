#!/bin/sh
# The one call of the engine that does what ours promises: a fresh look, a plan, the effects.
set -eu
. "$(dirname "$0")/common.sh"
engine up --yes --refresh --parallel="${PARALLEL:-8}" --client="$CLIENT" --suppress-outputs --suppress-progress > /dev/null
