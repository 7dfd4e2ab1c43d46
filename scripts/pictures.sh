#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration:  scripts/pictures.sh [OPTION...] [PICTURE...]
# Without pictures networks look at a synthetic operation and are then evaluated on what disturbs
# such pictures. Overlays and pages go to build/demo, tables to standard output; --help tells the
# options.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
prefix=$root/
[ "$root" != "$(pwd)" ] || prefix=
if [ ! -x "$root/build/trocar-demo" ]; then
    echo "demo: ${prefix}build/trocar-demo is missing; run make first" >&2
    exit 2
fi
out=${prefix}build/demo
rm -f "$out"/*.plan
"$root/build/trocar-demo" --models "${prefix}models" --output "$out" "$@"
[ $# -eq 0 ] || exit 0

# Two procedures that training never saw, clean and with each disturbance at half and full strength.
rm -rf "$out/set"
"$root/build/trocar" sim dataset -o "$out/set" --procedures 2 --frames 2 --seed 4000003 \
    --size 256x144 --strengths 0.5,1
for plan in "$out"/*.plan; do
    name=$(basename "$plan" .plan)
    "$root/build/trocar" eval "$out/set" "$plan" --html "$out/eval_$name.html" \
        >"$out/eval_$name.txt"
    echo "evaluation under disturbances: $out/eval_$name.html"
done
