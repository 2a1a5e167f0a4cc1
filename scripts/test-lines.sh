#!/bin/sh
# Run the connector's own behaviour on every supported Python and on both lines of
# snowflake-connector-python: the tests of warehouse and simulator, and the process tests that run
# statements. Each combination has an environment under .venv-lines/.
#
#   scripts/test-lines.sh                all of them, one after the other
#   scripts/test-lines.sh 3.12           both lines on one Python
#   scripts/test-lines.sh 3.12 4         one combination
set -eu
cd "$(dirname "$0")/.."
pythons=${1:-3.11 3.12 3.13}
lines=${2:-5 4}
report=""
status=0
# What takes minutes depends on the line and not on the Python: the first one runs it for both.
which="not process or statements"

for wanted in $pythons; do
    if ! python=$(sh scripts/find-python.sh "$wanted"); then
        report="$report
$wanted      -        not found on this machine: NOT TESTED"
        continue
    fi
    for line in $lines; do
        environment=.venv-lines/$wanted-connector$line
        bin=$environment/bin
        if [ ! -e "$environment/installed" ] || [ pyproject.toml -nt "$environment/installed" ]; then
            "$python" -m venv --clear "$environment"
            "$bin/python" -m pip install --quiet --upgrade "pip>=25.1"
            "$bin/python" -m pip install --quiet --editable ".[demo,charts]" \
                --group build --group test --group "connector-$line"
            touch "$environment/installed"
        fi
        exact=$("$bin/python" -c 'import platform; print(platform.python_version())')
        version=$("$bin/python" -c \
            'from importlib.metadata import version; print(version("snowflake-connector-python"))')
        echo "== Python $exact, connector $version"
        # The default cache folder is the one of make test.
        outcome=passed
        "$bin/python" -m pytest -p no:cacheprovider --no-header --quiet \
            -m "$which" --junit-xml="$environment/report.xml" \
            tests/unit/warehouse tests/unit/simulator tests/every_tool tests/process || { outcome=FAILED; status=1; }
        counted=$("$bin/python" -c '
import sys
from xml.etree import ElementTree
suite = ElementTree.parse(sys.argv[1]).find(".//testsuite").attrib
bad = int(suite["failures"]) + int(suite["errors"])
print(suite["tests"], "tests,", bad, "failed,", round(float(suite["time"])), "s")
' "$environment/report.xml")
        report="$report
$exact   $version    $outcome: $counted"
    done
    which="(not process or statements) and not full"
done

echo
echo "Python   connector$report"
exit $status
