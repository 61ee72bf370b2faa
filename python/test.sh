#!/bin/sh
# Checks the Python packages of this folder: tests, lints and types. Torch is not installed for it: where it is not
# there, the tests that need it are left out, and are named.
#
# usage: test.sh [FOLDER]        FOLDER: of the virtual environment; default target/python-tests in the repository
#                                PYTHON: the interpreter it is made with; default python3, 3.10 or newer
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
venv=${1:-$(dirname -- "$here")/target/python-tests}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac

[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
cd "$here/radioactivity"
"$venv/bin/python" -m pip --disable-pip-version-check install --quiet --editable '.[test]'

if "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    echo "test.sh: torch is there: every test is run"
    without_torch=''
else
    echo "test.sh: torch is not there: tests/test_suite.py is left out (setup.sh makes an environment with torch)"
    # What comes from a package that is not there has no known type.
    without_torch='--allow-subclassing-any --allow-untyped-decorators --no-warn-return-any --no-warn-unused-ignores'
fi
"$venv/bin/python" -m ruff check
"$venv/bin/python" -m ruff format --check
# shellcheck disable=SC2086 # several words
"$venv/bin/python" -m mypy $without_torch radioactivity tests
"$venv/bin/python" -m pytest
