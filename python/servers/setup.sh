#!/bin/sh
# Makes a virtual environment with the servers, torch included; only the CPU is used.
#
# usage: setup.sh [FOLDER]       FOLDER: of the environment; default target/servers/venv in the repository
#                                PYTHON: the interpreter it is made with; default python3, 3.10 or newer
#                                LLAMA=no: leaves out llama-cpp-python, which is compiled: a C++ compiler, 13 minutes
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
venv=${1:-$here/../../target/servers/venv}

[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"

install() {
    "$venv/bin/python" -m pip --disable-pip-version-check install --quiet "$@"
}

# In order: what is there; the build without CUDA, 0.2 GB, from PyTorch's own index; the default build of the package
# index, which on Linux brings some 4 GB of CUDA libraries that are loaded and never used.
if "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    echo "setup.sh: torch was there"
elif install --retries 1 --timeout 20 --index-url https://download.pytorch.org/whl/cpu torch; then
    echo "setup.sh: torch is the build without CUDA"
else
    echo "setup.sh: PyTorch's index of builds without CUDA did not answer; taking the default build, about 6 GB on disk" >&2
    install torch
    echo "setup.sh: torch is the default build"
fi
install --editable "$here[lint]"
if [ "${LLAMA:-yes}" = no ]; then
    echo "setup.sh: without llama-cpp-python; name --server transformers"
else
    echo "setup.sh: compiling llama-cpp-python"
    install 'llama-cpp-python[server]'
fi
"$venv/bin/python" -m pip --disable-pip-version-check list | grep -E '^(torch|transformers|llama_cpp_python|llama-cpp-python) '
echo "setup.sh: now run  $venv/bin/python -m servers"
