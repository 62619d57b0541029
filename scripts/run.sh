#!/bin/bash
# run.sh [BOARD.JSON]: a node on this machine, in ./run; the work behind `make run`. Ctrl-C ends it.
set -euo pipefail
maud=out/linux-host/maud
here=run
board=${1:-boards/linux-host/board.json}
mkdir -p -m 0700 "$here"
identity=(--root "$here/root" --passphrase-file "$here/passphrase")

if [ ! -e "$here/passphrase" ]; then
  (umask 077; head -c 24 /dev/urandom | base64 > "$here/passphrase.new"; mv "$here/passphrase.new" "$here/passphrase")
fi
if [ ! -e "$here/root/.mau/account.pgp" ]; then
  mkdir -p -m 0700 "$here/root"
  "$maud" init "${identity[@]}" --name "$(uname -n)"
fi

# The usual port, or any free one when something already answers there.
http='[::]:8008'
if (exec 3<> /dev/tcp/127.0.0.1/8008) 2> /dev/null; then http='[::]:0'; fi
https='[::]:8448'
if (exec 3<> /dev/tcp/127.0.0.1/8448) 2> /dev/null; then https='[::]:0'; fi
coproc node { exec "$maud" run "${identity[@]}" --state "$here/state" --board "$board" --http "$http" --https "$https"; }
pid=$node_PID output=${node[0]}
trap 'kill -TERM "$pid" 2> /dev/null || :' INT TERM

ready=
while read -r -u "$output" line; do case $line in 'ready '*) ready=$line; break ;; esac; done
[ -n "$ready" ] || { wait "$pid"; exit; }
fingerprint=$(sed -E 's/.*fingerprint=([0-9a-f]+).*/\1/' <<< "$ready")
port=$(sed -E 's/.* http=[^ ]*:([0-9]+).*/\1/' <<< "$ready")
address=http://localhost:$port/p2p/$fingerprint
# As long as there is no owner.
claim=$("$maud" claim-code --root "$here/root" 2> /dev/null | sed 's/^/\n  to claim it  /') || :

cat <<TEXT

This machine is a Mau node now.
  fingerprint  $fingerprint
  address      $address$claim

Try in another terminal, from this directory:

  # what it publishes, oldest first
  curl -s $address

  # fetch the newest readings, and let GnuPG say who signed them (the first file is full after a minute)
  (umask 077; mkdir -p run/gnupg); $maud export ${identity[*]} | gpg --homedir run/gnupg --import
  curl -s http://localhost:$port\$(curl -s $address | grep -o '/p2p/[^"]*/r-[^"]*' | tail -n 1) | gpg --homedir run/gnupg -d

  # readings as they come, verified
  $maud export ${identity[*]} | examples/watch.sh $address

Ctrl-C stops it; ./run keeps its identity and its files.
TEXT
status=0
while kill -0 "$pid" 2> /dev/null; do wait "$pid" && status=0 || status=$?; done
exit "$status"
