#!/usr/bin/env bash
# Installs what building and testing need and this machine lacks; quick and silent when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
want() { # want COMMAND-OR-FILE PACKAGE
    if [[ "$1" == /* ]]; then [[ -e "$1" ]] || packages+=("$2"); else
        command -v "$1" >/dev/null 2>&1 || packages+=("$2"); fi
}
want cc build-essential
want make build-essential
want pkg-config pkg-config
want perl perl
want openssl openssl
want python3 python3
want /usr/include/openssl/ssl.h libssl-dev
python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3-venv)

if ((${#packages[@]})); then
    echo "Installing Debian packages: ${packages[*]}" >&2
    sudo=(); [[ $(id -u) == 0 ]] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
fi

for tool in cargo node npm; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "medfolder needs $tool: install Rust (rustup) and Node.js 20 or newer, then run this again." >&2
        exit 1
    fi
done

if [[ tests/interop/package-lock.json -nt tests/interop/node_modules/.package-lock.json ]]; then
    echo "Installing the npm packages that the interoperability tests use" >&2
    npm ci --prefix tests/interop --no-audit --no-fund --loglevel=error >&2
    touch tests/interop/node_modules/.package-lock.json
fi

if [[ tests/readers/requirements.txt -nt tests/readers/.venv/installed ]]; then
    echo "Installing the Python packages that the independent readers use" >&2
    python3 -m venv tests/readers/.venv
    tests/readers/.venv/bin/pip install -q --disable-pip-version-check -r tests/readers/requirements.txt
    touch tests/readers/.venv/installed
fi
