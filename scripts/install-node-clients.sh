#!/bin/sh
# Install the third-party Node clients of the full test run, and a Node that is new enough for
# them where npm has one for this machine: scripts/install-node-clients.sh
# Done once and kept until tests/clients/node/package-lock.json changes.
set -eu

cd "$(dirname "$0")/../tests/clients/node"
if ! command -v npm >/dev/null 2>&1; then
    echo "npm is needed for the Node clients: install Node.js 20 or newer" >&2
    exit 1
fi
if [ -f node_modules/stamp ] && cmp -s package-lock.json node_modules/stamp; then
    exit 0
fi
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
cp package-lock.json node_modules/stamp
