#!/bin/sh
# Install the public MCP conformance suite, and a Node that is new enough for it where npm has
# one for this machine: scripts/install-conformance.sh
# Done once and kept until tests/conformance/node/package-lock.json changes.
set -eu

cd "$(dirname "$0")/../tests/conformance/node"
if [ -f node_modules/stamp ] && cmp -s package-lock.json node_modules/stamp; then
    exit 0
fi
if ! command -v npm >/dev/null 2>&1; then
    echo "npm is needed for the conformance suite: install Node.js 20 or newer with npm" >&2
    exit 1
fi
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
cp package-lock.json node_modules/stamp
