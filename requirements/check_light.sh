#!/bin/sh
# Installs the built wheel the light way into a new environment and runs the commands that need no torch.
# Usage, from the checkout: sh requirements/check_light.sh [PYTHON]
set -eu
checkout=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${1:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet -r "$checkout/requirements/core.txt"
"$work/venv/bin/pip" install --quiet --no-deps "$checkout"/dist/*.whl
cd "$work"
fxkit="$work/venv/bin/fxkit"
"$fxkit" synth films --films 40 --size 160
"$fxkit" index films/truth.csv --out manifest.csv
"$fxkit" clean-labels films
cat >bright.py <<'END'
def predict(films):
    return [film.mean() / 255 for film in films]
END
"$fxkit" evaluate --predictor bright:predict --data films --out results
"$fxkit" audit results
"$fxkit" doctor
if "$fxkit" train --manifest manifest.csv --root films --config tiny >out.txt 2>&1; then
    echo "fxkit train ran without torch" && exit 1
fi
cat out.txt
grep -q "pip install" out.txt
echo "size of the light install: $(du -sm "$work/venv" | cut -f 1) MB"
