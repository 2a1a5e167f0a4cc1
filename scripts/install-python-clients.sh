#!/bin/sh
# Install the third-party Python clients of the tests, each into an environment of its own:
#   scripts/install-python-clients.sh [PYTHON]
# An environment is made once and kept until its pinned version or the interpreter changes.
set -eu

cd "$(dirname "$0")/.."
python=${1:-python3}
home=$PWD/.venv-clients
mkdir -p "$home"

# Two test runs at once must not build the same environment.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$home/lock"
    flock 9
fi

for pins in tests/clients/programs/*.txt; do
    name=$(basename "$pins" .txt)
    folder=$home/$name
    wanted=$(cat "$pins"; "$python" -c 'import sys; print(sys.version_info[:2])')
    if [ -f "$folder/stamp" ] && [ "$(cat "$folder/stamp")" = "$wanted" ]; then
        continue
    fi
    rm -rf "$folder"
    "$python" -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$pins"
    printf '%s\n' "$wanted" >"$folder/stamp"
done
