#!/bin/bash
# test-mbedtls.sh: Mbed TLS's own test suites for pk, x509 and ssl, and those that our patches touch besides, against the patched tree
# in Mbed TLS's own configuration with Ed25519 and the X25519 driver switched on; libsodium does the arithmetic, as in maud.
set -euo pipefail
cd "$(dirname "$0")/.."
tree=.build/mbedtls-test
suites=(pk pkparse pkwrite x509parse x509write oid ssl ssl_decrypt.misc psa_crypto)
log=$tree.log

scripts/mbedtls-sources.sh "$tree" --whole
printf "#define MBEDTLS_PK_ED25519_C\n#define MBEDTLS_PSA_X25519_EXTERNAL\n" > "$tree/user_config.h"
cat > "$tree/primitives.c" <<'C'
#include <sodium.h>
#include "mbedtls/external.h"
int mbedtls_ed25519_ext_verify(const unsigned char s[64], const unsigned char *m, size_t n, const unsigned char k[32]) { return crypto_sign_ed25519_verify_detached(s, m, n, k); }
int mbedtls_x25519_ext(unsigned char o[32], const unsigned char s[32], const unsigned char *p) { return p ? crypto_scalarmult_curve25519(o, s, p) : crypto_scalarmult_curve25519_base(o, s); }
C
flags="-O1 -w -DMBEDTLS_USER_CONFIG_FILE=\"\\\"$PWD/$tree/user_config.h\\\"\"" # quoted for make and its shell
gcc -O1 -I"$tree/include" -c "$tree/primitives.c" -o "$tree/primitives.o"
libraries="$PWD/$tree/primitives.o -l:libsodium.a"
make -s -C "$tree" -j2 lib CFLAGS="$flags" LDFLAGS="$libraries" > "$log" 2>&1 || { tail -n 20 "$log" >&2; exit 1; }
make -s -C "$tree/tests" -j2 CFLAGS="$flags" LDFLAGS="$libraries" "${suites[@]/#/test_suite_}" >> "$log" 2>&1 || { tail -n 20 "$log" >&2; exit 1; }
failed=0
for suite in "${suites[@]}"; do
  if (cd "$tree/tests" && "./test_suite_$suite" > "test_suite_$suite.log" 2>&1); then verdict=$(tail -n 2 "$tree/tests/test_suite_$suite.log" | tr -s '\n ' ' ')
  else verdict="FAILED: see $tree/tests/test_suite_$suite.log"; failed=1; fi
  printf '%-16s %s\n' "$suite" "$verdict"
done
exit "$failed"
