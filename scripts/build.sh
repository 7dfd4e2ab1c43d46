#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Configures what is not configured yet and builds:  scripts/build.sh FOLDER [meson options...]
# TARGETS in the environment names some targets instead of all.
# Tests, examples and layers are found by name at configure time, so that a change of their list
# configures again.
set -eu
cd "$(dirname "$0")/.."
dir=$1
shift

for tool in meson ninja; do
    if ! command -v $tool >/dev/null; then
        echo "build.sh: $tool is needed and not installed; run scripts/setup-debian.sh build" >&2
        exit 3
    fi
done

# Meson puts ccache before its own choice of compiler, but not before the one in CC.
if [ -n "${CC:-}" ] && [ "${CC#ccache }" = "$CC" ] && command -v ccache >/dev/null; then
    export CC="ccache $CC"
fi

found=$(ls examples/*.c tests/unit_*.c tests/tool_*.c tests/fuzz/fuzz_*.c src/*/meson.build \
    src/console/*/meson.build web/* \
    src/cpu/*.c src/cuda/*.c src/cuda/kernels/* tools/meson.build 2>/dev/null || true)
found="$found
$*"

if [ ! -f "$dir/build.ninja" ]; then
    meson setup "$dir" "$@"
elif [ "$found" != "$(cat "$dir/found.txt" 2>/dev/null || true)" ]; then
    meson setup --reconfigure "$dir" "$@"
fi
printf '%s\n' "$found" >"$dir/found.txt"
exec ninja -C "$dir" -j "${JOBS:-$(nproc)}" ${TARGETS:-}
