#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration:  scripts/demo.sh [OPTION...] [PICTURE...]
# Without pictures a network segments a synthetic operation and is then evaluated on what disturbs
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
model=${prefix}models/endoscopy_unet
out=${prefix}build/demo
"$root/build/trocar-demo" --model "$model.onnx" --output "$out" "$@"
[ $# -eq 0 ] || exit 0

# Two procedures that training never saw, clean and with each disturbance at half and full strength.
rm -rf "$out/set"
"$root/build/trocar" sim dataset -o "$out/set" --procedures 2 --frames 2 --seed 4000003 \
    --size 256x192 --strengths 0.5,1
"$root/build/trocar" eval "$out/set" "$model.onnx" --record "$model.json" \
    --html "$out/eval.html" >"$out/eval.txt"
echo "evaluation under disturbances: $out/eval.html"
