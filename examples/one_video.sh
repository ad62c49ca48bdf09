#!/usr/bin/env bash
# One take and one voice become one video, with curl and jq alone. Run it again: it makes nothing new.
#
#   HEYGEM_URL=http://127.0.0.1:7860 HEYGEM_TOKEN=hgs_... examples/one_video.sh lecturer.mp4 spanish.wav result.mp4
#
# The person filmed must have agreed to videos being made of them.
set -euo pipefail
take=$1 voice=$2 result=$3
api="${HEYGEM_URL:?the address of the studio}/api/v1"

call() { # a request with the token, tried again where the line broke or the studio was busy
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused --max-time 600 \
    -H "Authorization: Token ${HEYGEM_TOKEN:?a token of your account page}" "$@"
}
ask() { # the answer as JSON; a refusal ends the script with its sentence
  local answer
  if ! answer=$(call "$@"); then
    jq -r '.message // empty' <<<"$answer" >&2
    return 1
  fi
  printf '%s' "$answer"
}

project=$(ask "$api/projects/" | jq -r '.results[0].id')
speaker=$(ask -d project="$project" -d name="Ada" -d consent=true "$api/speakers/" | jq -r .id)

# The same bytes again give the clip or the voice that is there.
clip=$(ask -F speaker="$speaker" -F file=@"$take" "$api/clips/" | jq -r .id)
track=$(ask -F project="$project" -F file=@"$voice" -F language=es "$api/tracks/" | jq -r .id)

# The same key within a day gives the same render.
job=$(ask -H "Idempotency-Key: one-video $clip $track" -d clip="$clip" -d track="$track" "$api/jobs/" | jq -r .id)

while true; do
  state=$(ask "$api/jobs/$job/")
  case $(jq -r .status <<<"$state") in
    succeeded) break ;;
    failed | cancelled) jq -r '.error.message // "It was cancelled."' <<<"$state" >&2; exit 5 ;;
  esac
  sleep 2
done

call --location --output "$result" "$api/outputs/$job/download/"
sha256sum --check --quiet <<<"$(jq -r .output.sha256 <<<"$state")  $result"
echo "$result"
