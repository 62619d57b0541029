#!/bin/bash
# watch.sh ADDRESS [KEY]: follows a node's public readings and prints what GnuPG verifies.
#   ADDRESS  http://host:port/p2p/<fingerprint>
#   KEY      a file with the node's public key (`maud export`); standard input when left out
# Only files signed by the key with ADDRESS's fingerprint are printed. Needs curl, gpg and jq.
set -euo pipefail
address=${1:?usage: watch.sh http://host:port/p2p/FINGERPRINT [KEY]}
fingerprint=${address##*/}
seconds=${SECONDS_BETWEEN:-5}

export GNUPGHOME
GNUPGHOME=$(mktemp -d)
trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT
trap 'exit 0' INT TERM
gpg --quiet --batch --import "${2:-/dev/stdin}"

# Prints the plaintext of the file in $1 when the expected key signed it: gpg says so on its status descriptor.
verified() {
  local status
  status=$(gpg --quiet --batch --status-fd 3 --output "$GNUPGHOME/plain" --yes -d "$1" 3>&1 > /dev/null 2> "$GNUPGHOME/message") || return
  grep -iq "^\[GNUPG:\] VALIDSIG .*\b$fingerprint\b" <<< "$status" || return
  cat "$GNUPGHOME/plain"
}

# One line a reading: when, which chain, its value and unit or its fault.
show() {
  jq -r '. as $batch | .readings[] | [
    .observationDate // "\(.monotonicSeconds) s after start, clock unset", $batch.chain,
    (if has("value") then "\(.value) \($batch.unitText)" else "fault: \(.fault)" end)] | @tsv'
}

# If-Modified-Since counts whole seconds and includes the second it names: what was printed once is skipped by its sum.
since='Mon, 01 Jan 0001 00:00:00 GMT'
declare -A seen
while :; do
  if listing=$(curl -sf -H "If-Modified-Since: $since" "$address"); then
    while IFS=$'\t' read -r path sum; do
      [ -z "${seen[$sum]:-}" ] || continue
      # The node's own times: that its clock and ours differ does not matter.
      since=$(curl -sf -o "$GNUPGHOME/file" -w '%header{last-modified}' "${address%/p2p/*}$path") || continue
      seen[$sum]=yes
      if plain=$(verified "$GNUPGHOME/file"); then
        show <<< "$plain"
      else
        echo "watch: ${path##*/} is not signed by $fingerprint" >&2
      fi
    done < <(jq -r '.[] | select(.path | test("/r-[^/]*$")) | [.path, .sum] | @tsv' <<< "$listing")
  else
    echo "watch: $address does not answer" >&2
  fi
  sleep "$seconds"
done
