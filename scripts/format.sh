#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Formats the C sources, or the files named:  scripts/format.sh [FILE...]
# With clang-format 14, Debian 12's, since versions differ in what they write.
set -eu
cd "$(dirname "$0")/.."
tool=$(command -v clang-format-14 || command -v clang-format) || {
    echo "format: clang-format 14 is needed and not installed; run scripts/setup-debian.sh" >&2
    exit 3
}
if [ $# -eq 0 ]; then
    set -- $(find include src tools demo tests examples -name '*.[ch]' | sort)
fi
exec "$tool" -i "$@"
