#!/bin/sh
# Makes .venv hold what the lock file named in $1 lists; returns at once when it does already.
# Everything after finding a Python is in bootstrap.py, which needs the standard library only.
set -eu
cd "$(dirname "$0")/.."
lock=$1

if [ -x .venv/bin/python ] && .venv/bin/python -S -m local.bootstrap --check "$lock" 2>/dev/null
then
    exit 0
fi

why='Wakecall needs Python 3.11 or newer, and none was found: install python3 (3.11 or newer), or name one: make PYTHON=/path/to/python3'
for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python /usr/bin/python3
do
    found=$(command -v "$name" 2>/dev/null) || continue
    "$found" -S -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    if "$found" -c 'import ensurepip, venv' 2>/dev/null
    then
        exec "$found" -m local.bootstrap "$lock"
    fi
    why="$found cannot make virtual environments: install the missing part (Debian, Ubuntu: apt install python3-venv)"
done
echo "wakecall: $why" >&2
exit 1
