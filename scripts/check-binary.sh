#!/bin/bash
# check-binary.sh FILE: is it what a board should get? Position independent, read-only after relocation, no executable
# stack, nothing writable and executable, and no shared library beyond those the design names.
set -euo pipefail
file=$1
fail() { echo "check-binary: $file $1" >&2; exit 65; }
header=$(readelf -hW "$file"); segments=$(readelf -lW "$file"); dynamic=$(readelf -dW "$file")
grep -q 'Type: *DYN' <<< "$header" || fail "is not position independent"
grep -q 'GNU_RELRO' <<< "$segments" || fail "has no RELRO segment"
grep -Eq 'BIND_NOW|Flags:.* NOW' <<< "$dynamic" || fail "binds symbols lazily: its GOT stays writable"
grep -Eq 'GNU_STACK .* RW +0' <<< "$segments" || fail "has an executable stack"
! grep -Eq 'LOAD .* RWE ' <<< "$segments" || fail "has a segment that is writable and executable"
! grep -q 'TEXTREL' <<< "$dynamic" || fail "has text relocations"
! grep -Eq 'RPATH|RUNPATH' <<< "$dynamic" || fail "searches libraries in a path of its own"
unexpected=$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<< "$dynamic" \
  | grep -Ev '^(libgpgme|libgpg-error|libsystemd|libc|libm|libpthread|ld-linux.*)\.so\.[0-9]+$' || true)
# Embedded Swift says this in place of a value that String cannot print there: an interpolation that must be a Message.
! grep -aq 'cannot print value' "$file" || fail "has a text that Embedded Swift cannot write"
[ -z "$unexpected" ] || fail "needs unexpected libraries: ${unexpected//$'\n'/ }"
