#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what Trocar needs on Debian 12, and nothing that is there already:
#     scripts/setup-debian.sh build     to build build/trocar
#     scripts/setup-debian.sh check     that, and what "make check" uses (default)
# Needs root or sudo only when a Debian package is missing. What comes from npm is for tests alone;
# where npm cannot be reached this is said, and the tests that need it are skipped.
set -eu
cd "$(dirname "$0")/.."

# One line each: set, packages. docs/dependencies.md says what each is for.
packages() {
    echo gcc libc6-dev meson ninja-build pkg-config libpng-dev libturbojpeg0-dev \
        libtiff-dev libwebp-dev libopenjp2-7-dev libjansson-dev
    # The console, and what its demonstration runs.
    echo libyaml-dev libmicrohttpd-dev libpango1.0-dev libgstreamer1.0-dev \
        libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev libgstrtspserver-1.0-dev \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad \
        gstreamer1.0-plugins-ugly gstreamer1.0-nice gstreamer1.0-x fonts-dejavu-core \
        fonts-wqy-microhei
    [ "$1" = build ] && return
    echo make g++ ccache clang clang-format libclang-rt-14-dev llvm cppcheck
    echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
    echo python3 python3-numpy python3-onnx python3-pil python3-scipy python3-skimage
    echo libonnx-testdata protobuf-compiler xz-utils
    echo locales chromium prometheus openssl
    command -v npm >/dev/null || echo npm
}

missing_packages() {
    for name in $(packages "$1"); do
        case $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true) in
        installed) ;;
        *) echo "$name" ;;
        esac
    done
}

install_packages() {
    missing=$(missing_packages "$1" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        as_root=sudo
    else
        echo "setup: these packages are missing and need root to install: $missing" >&2
        echo "setup: run as root: apt-get install $missing" >&2
        exit 3
    fi
    echo "setup: installing $missing"
    log=$(mktemp)
    if ! { $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "setup: apt-get failed, the whole log is in $log" >&2
        exit 3
    fi
    rm -f "$log"
}

# Numbers in files must not follow the user's language: a locale whose decimal point is a comma.
make_locale() {
    if [ ! -d build/locale/de_DE.UTF-8 ] && [ -f /usr/share/i18n/locales/de_DE ]; then
        mkdir -p build/locale
        localedef -i de_DE -f UTF-8 build/locale/de_DE.UTF-8
    fi
}

# What tests take from npm: single packages whose archives are pinned by their hash. No script of
# a package runs, nothing that it depends on is fetched.
ORT=onnxruntime-node
ORT_VERSION=1.30.0
ORT_SHA512=b7086cd42d82fc1164cf5c9ce4e634288536194aba0d444eee10f86f1e50d90cb\
79c0309c115d6f31537355733136f5503d96894b3987a9a03f1f8d318e7c8ab
PLAYWRIGHT=playwright-core
PLAYWRIGHT_VERSION=1.65.1
PLAYWRIGHT_SHA512=86a3e9cfb6e548c3f1595768784d728814b35ec2a254e77693e9230af994cb00\
f618f3b60ddf477dc5a7abd34dd061db3590c5819f497c116bf97e7f04ba34ab

# install_npm NAME VERSION SHA512 PATTERN...: what the patterns name of the archive's files.
install_npm() {
    name=$1 version=$2 sha512=$3
    shift 3
    dir=build/npm/node_modules/$name
    [ "$(cat "$dir/.version" 2>/dev/null || true)" = "$version" ] && return 0
    tmp=$(mktemp -d)
    trap 'rm -rf "$tmp"' EXIT
    echo "setup: fetching $name $version from npm"
    # From the empty folder: npm looks for settings of a project where it runs.
    if ! (cd "$tmp" && npm pack --loglevel=error --ignore-scripts --fetch-retries=1 \
        --fetch-timeout=120000 "$name@$version" >npm.log 2>&1); then
        sed 's/^/setup: npm: /' "$tmp/npm.log"
        echo "setup: npm cannot be reached or refuses; tests that use $name will be skipped"
        rm -rf "$tmp"
        return 0
    fi
    archive=$tmp/$name-$version.tgz
    if ! echo "$sha512  $archive" | sha512sum --check --status; then
        echo "setup: $name-$version.tgz does not have the expected hash; not installed" >&2
        exit 1
    fi
    rm -rf "$dir"
    mkdir -p "$dir"
    tar -xzf "$archive" -C "$dir" --strip-components=1 --no-same-owner --wildcards "$@"
    echo "$version" >"$dir/.version"
    rm -rf "$tmp"
}

# The other engine of the tests: one library out of the package.
install_ort() {
    case $(uname -m) in
    x86_64) machine=x64 ;;
    aarch64) machine=arm64 ;;
    *)
        echo "setup: $ORT has no library for $(uname -m); tests against it will be skipped"
        return 0
        ;;
    esac
    install_npm $ORT $ORT_VERSION $ORT_SHA512 \
        package/package.json package/README.md "package/bin/napi-v*/linux/$machine/*.so*"
}

# Drives Debian's chromium through the console's pages.
install_playwright() {
    install_npm $PLAYWRIGHT $PLAYWRIGHT_VERSION $PLAYWRIGHT_SHA512 \
        package/package.json package/LICENSE package/NOTICE "package/*.js" "package/*.mjs" \
        "package/*.json"
}

set_name=${1:-check}
case $set_name in
build | check) ;;
*)
    echo "usage: scripts/setup-debian.sh [build|check]" >&2
    exit 2
    ;;
esac
if ! command -v dpkg-query >/dev/null; then
    echo "setup: not a Debian system: what docs/dependencies.md lists is expected to be there"
else
    install_packages "$set_name"
fi
if [ "$set_name" = check ]; then
    make_locale
    install_ort
    install_playwright
fi
