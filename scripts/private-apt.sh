# To be sourced. private_apt ARCHITECTURE SUITE DIRECTORY: an apt configuration of our own in DIRECTORY, for Debian packages of any
# architecture and suite: no root, no chroot, no foreign architecture on this machine (which can make apt remove the host's own packages).
# The mirror is the one this machine's apt uses; elsewhere set MIRROR=URL and KEYRING=FILE. Packages come to DIRECTORY/cache/archives.

# A mirror that is being updated answers with a hash mismatch: wait and ask again.
try() { local n; for n in 1 2 3 4; do "$@" && return; [ "$n" = 4 ] || sleep $((n * 10)); done; return 1; }

private_apt() {
  local architecture=$1 suite=$2 private=$3 keyring=${KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg} mirror
  # Known to apt when its lists are there; else (a container image without lists) read from the sources themselves.
  mirror=${MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)}
  mirror=${mirror:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null \
    | sed -nE 's/^(deb( \[[^]]*\])?|URIs:) +([^ ]+).*/\3/p' | grep -E '/debian/?$|debian\.list$' | head -n 1)}
  [ -n "$mirror" ] || { echo "$(basename "$0"): apt knows no Debian mirror here: set MIRROR=URL" >&2; exit 78; }
  [ -r "$keyring" ] || { echo "$(basename "$0"): $keyring is missing: install debian-archive-keyring or set KEYRING=FILE" >&2; exit 78; }

  mkdir -p "$private"/{lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d,etc/trusted.gpg.d}
  : > "$private/status"
  echo "deb [arch=$architecture signed-by=$keyring] $mirror $suite main" > "$private/sources.list"
  echo "deb-src [signed-by=$keyring] $mirror $suite main" >> "$private/sources.list"
  {
    apt-config dump | grep -E '^Acquire::https?::' || true # a proxy that this machine's apt goes through
    cat <<CONFIGURATION
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Debug::NoLocking "true";
Dir::State "$private";
Dir::State::lists "$private/lists";
Dir::State::status "$private/status";
Dir::Cache "$private/cache";
Dir::Etc "$private/etc";
Dir::Etc::sourcelist "$private/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::Trusted "-";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
CONFIGURATION
  } > "$private/apt.conf"
  export APT_CONFIG=$private/apt.conf
  try apt-get -qq update
}
