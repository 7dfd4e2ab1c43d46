#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration:  scripts/demo.sh [PICTURE...]
set -eu
cd "$(dirname "$0")/.."
missing=0
for file in build/trocar models/endoscopy.onnx; do
    if [ ! -e "$file" ]; then
        echo "demo: $file is missing" >&2
        missing=1
    fi
done
exit $missing
