#!/bin/sh
# Install one of the public tools that the long tests use, into an environment of its own:
#   scripts/install-tools.sh sslyze|schemathesis [PYTHON]
# An environment is made once and kept until its pinned version or the interpreter changes.
set -eu

cd "$(dirname "$0")/.."
name=$1
python=${2:-python3}
case $name in
    sslyze) pin=sslyze==6.3.1 ;;
    schemathesis) pin=schemathesis==4.32.5 ;;
    *) echo "there is no tool $name" >&2; exit 2 ;;
esac
home=$PWD/.venv-tools
mkdir -p "$home"

# Two test runs at once must not build the same environment.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$home/lock"
    flock 9
fi

folder=$home/$name
wanted="$pin $("$python" -c 'import sys; print(sys.version_info[:2])')"
if [ -f "$folder/stamp" ] && [ "$(cat "$folder/stamp")" = "$wanted" ]; then
    exit 0
fi
rm -rf "$folder"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$pin"
printf '%s\n' "$wanted" >"$folder/stamp"
