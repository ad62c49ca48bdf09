#!/usr/bin/env bash
# Sets everything up that the given part needs: setup.sh base | dev | bench | train. Quick when nothing has changed.
set -euo pipefail
part=${1:-base}
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"

say() { printf '%s\n' "$*" >&2; }

# --- system packages ---------------------------------------------------------------------------------------------------
missing=()
command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null || missing+=(ffmpeg)
command -v espeak-ng >/dev/null || missing+=(espeak-ng)
libraries=$(ldconfig -p 2>/dev/null || true)  # not through a pipe: it would end by a signal where grep has seen enough
grep -q 'libGL\.so\.1' <<<"$libraries" || missing+=(libgl1)
grep -q 'libgthread-2\.0\.so\.0' <<<"$libraries" || missing+=(libglib2.0-0)
ls /usr/share/fonts/opentype/noto/NotoSansCJK* >/dev/null 2>&1 || missing+=(fonts-noto-cjk)
if [ "$part" = dev ] && ! command -v chromium >/dev/null; then missing+=(chromium); fi

# Voices to learn from. One that this system does not offer is left out: training then does without it.
voices=()
if [ "$part" = train ]; then
  for package in flite iso-codes festival festvox-kdlpc16k festvox-us-slt-hts festvox-ca-ona-hts \
    festival-hi festvox-hi-nsk festival-mr festvox-mr-nsk festival-te festvox-te-nsk festvox-suopuhe-lj festvox-suopuhe-mv \
    festvox-itapc16k festvox-italp16k festvox-czech-dita festvox-czech-krb festvox-czech-ph festvox-czech-machac festvox-ru; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || voices+=("$package")
  done
fi

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

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
can_install() { command -v apt-get >/dev/null && as_root true 2>/dev/null; }
install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2; }

if [ "${#missing[@]}" -gt 0 ]; then
  if ! can_install; then
    say "System packages are missing. Run: sudo apt-get update && sudo apt-get install -y ${missing[*]}"
    exit 3
  fi
  say "Installing system packages: ${missing[*]}"
  as_root apt-get update -qq >&2
  install "${missing[@]}"
fi
if [ "${#voices[@]}" -gt 0 ] && can_install; then
  say "Installing voices: ${voices[*]}"
  as_root apt-get update -qq >&2
  for package in "${voices[@]}"; do install "$package" || say "This system does not offer $package."; done
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
import drf_spectacular
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
