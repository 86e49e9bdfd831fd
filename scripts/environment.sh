# environment.sh -- sourced by the other scripts: Python environment in .venv, made from
# requirements.lock (hashes checked) and made anew only when that file changes.
set -euo pipefail
unset PYTHONDONTWRITEBYTECODE # hundreds of runs would compile everything anew
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

need_packages() { # need_packages PACKAGE... -- install the Debian packages that are missing
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    [ "$(id -u)" = 0 ] || { echo "Missing: ${missing[*]}. Install them as root: apt-get install ${missing[*]}" >&2; exit 1; }
    echo "--> Installing Debian packages: ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

environment() { # make .venv complete and put it on PATH
    local wanted have
    wanted="$(cat requirements.lock pyproject.toml | sha256sum) $(python3 -V) $PWD"
    have=$(cat .venv/.made-from 2>/dev/null || true)
    if [ "$wanted" != "$have" ]; then
        echo "--> Making the Python environment in .venv"
        python3 -c 'import ensurepip, venv' 2>/dev/null || need_packages python3-venv
        rm -rf .venv
        python3 -m venv .venv
        .venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
        .venv/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
        echo "$wanted" > .venv/.made-from
    fi
    export PATH="$PWD/.venv/bin:$PATH"
}

need_root() { # end where this is not root
    [ "$(id -u)" = 0 ] || { echo "Run this as root: it boots throwaway servers in namespaces of their own." >&2; exit 1; }
}
