#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration:  scripts/demo.sh [OPTION...] [PICTURE...]
# Without pictures a network segments a synthetic operation. Overlays go to build/demo, tables to
# standard output; --help tells the options.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
prefix=$root/
[ "$root" != "$(pwd)" ] || prefix=
if [ ! -x "$root/build/trocar-demo" ]; then
    echo "demo: ${prefix}build/trocar-demo is missing; run make first" >&2
    exit 2
fi
exec "$root/build/trocar-demo" --model "${prefix}models/endoscopy_unet.onnx" \
    --output "${prefix}build/demo" "$@"
