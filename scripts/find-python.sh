#!/bin/sh
# Print a Python of this machine: the first of at least 3.11, or with an argument such as 3.12 the
# first of exactly that version. $PYTHON, if set, is tried first; then PATH; then pyenv and uv,
# whose interpreters need not be on PATH.
wanted=${1:-}

fits() {
    "$1" -c '
import sys
wanted = sys.argv[1]
sys.exit(not (sys.version_info >= (3, 11) and ".".join(map(str, sys.version_info[:2])).startswith(wanted)))
' "$wanted" 2>/dev/null
}

named="python3 python3.13 python3.12 python3.11 python3.14"
[ -z "$wanted" ] || named="python$wanted python3"
for candidate in "${PYTHON:-}" $named \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$wanted"*/bin/python3 \
    "${XDG_DATA_HOME:-$HOME/.local/share}"/uv/python/cpython-"$wanted"*/bin/python3; do
    [ -n "$candidate" ] || continue
    if fits "$candidate"; then
        # A shim of pyenv answers by PATH and folder; what it stands for does not.
        "$candidate" -c 'import sys; print(sys.executable)'
        exit 0
    fi
done
echo "No Python of ${wanted:-at least 3.11} was found; set PYTHON to one." >&2
exit 1
