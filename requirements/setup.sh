#!/usr/bin/env bash
# Sets everything up that the given part needs: setup.sh base | dev. Quick when nothing has changed.
set -euo pipefail
part=${1:-base}
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"

say() { printf '%s\n' "$*" >&2; }

# --- system packages ---------------------------------------------------------------------------------------------------
missing=()
command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null || missing+=(ffmpeg)
command -v espeak-ng >/dev/null || missing+=(espeak-ng)
ldconfig -p 2>/dev/null | grep -q 'libGL\.so\.1' || missing+=(libgl1)
ldconfig -p 2>/dev/null | grep -q 'libgthread-2\.0\.so\.0' || missing+=(libglib2.0-0)
ls /usr/share/fonts/opentype/noto/NotoSansCJK* >/dev/null 2>&1 || missing+=(fonts-noto-cjk)
if [ "$part" = dev ] && ! command -v chromium >/dev/null; then missing+=(chromium); fi

python=${PYTHON:-}
if [ -z "$python" ]; then
  for candidate in python3.11 python3.12 python3; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'; then
      python=$candidate
      break
    fi
  done
fi
if [ -z "$python" ]; then
  say 'Python 3.11 or 3.12 is needed and was not found. Install it, or name it: make setup PYTHON=/path/to/python3.11'
  exit 3
fi
"$python" -c 'import ensurepip' 2>/dev/null || missing+=("python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv")

if [ "${#missing[@]}" -gt 0 ]; then
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then as_root=()
  elif command -v apt-get >/dev/null && command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=(sudo -n)
  else
    say "System packages are missing. Run: sudo apt-get update && sudo apt-get install -y ${missing[*]}"
    exit 3
  fi
  say "Installing system packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
fi

# --- Python packages -----------------------------------------------------------------------------------------------------
stamp=.venv/.setup-$part
state=$(cat requirements/*.txt requirements/setup.sh | sha256sum; "$python" -V)
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$state" ]; then
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  say "Installing Python packages ($part). The first time takes a few minutes."
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "requirements/$part.txt" >&2
  # `pip check` does not notice an import that fails: import what the platform and the engine stand on.
  .venv/bin/python - <<'PYTHON'
import sys

import cv2
import django
import django_q
import knox
import mediapipe
import numpy
import psutil
import rest_framework
import scipy.ndimage

if "torch" in sys.modules:
    sys.exit("the default path must not import torch")
PYTHON
  printf '%s' "$state" > "$stamp"
  [ "$part" = dev ] && cp "$stamp" .venv/.setup-base
fi
exit 0
