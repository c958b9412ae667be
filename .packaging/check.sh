#!/usr/bin/env bash
# What must hold before a release: source distribution and wheel are the same bytes when they are built
# again, from the source distribution; they are in order; and the quick tests in the one pass against
# the other. Needs `pip install '.[lint]'`.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python -m build --outdir "$work/dist"
tar -xzf "$work"/dist/*.tar.gz -C "$work"
source=$(echo "$work"/batch_thumbnailer-*)
(umask 077 && COLUMNS=40 python -m build --outdir "$work/again" "$source")
for file in "$work"/dist/*; do
    cmp "$file" "$work/again/${file##*/}"
done

twine check --strict "$work"/dist/*
check-wheel-contents "$work"/dist/*.whl

python3 -m venv "$work/venv"
export PATH="$work/venv/bin:$PATH"
pip install --quiet "$(echo "$work"/dist/*.whl)[test]"
installed=$(python -P -c 'import thumbnailer; print(*thumbnailer.__path__)')
[[ $installed == "$work"/venv/*/site-packages/thumbnailer ]]
# So that no test can take the source for the program, whatever folder it runs in.
rm -r "$source/thumbnailer"
ln -s "$installed" "$source/thumbnailer"
cd "$source"
pytest
