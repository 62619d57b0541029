#!/bin/bash
# make-libraries.sh ARCHITECTURE SYSROOT: compiles what maud links statically anew, for size, in place of what Debian compiled.
#
# From the source of the packages in the sysroot, with Debian's patches (make-sysroot.sh): one section a function, optimised at the link
# together with our own code. What is not called is left out then: 107 KB of 990 KB. The machine's own build (linux-host) takes the
# machine's own libraries.
set -euo pipefail
architecture=$1 sysroot=$2
here=$(cd "$(dirname "$0")/.." && pwd)
case $architecture in # as in the toolset.json of the boards
  arm64) target=(--target=aarch64-linux-gnu) libraries=$sysroot/usr/lib/aarch64-linux-gnu word=(-DHAVE_TI_MODE=1) ;;
  armhf) target=(--target=armv7-linux-gnueabihf -mfpu=vfpv3-d16 -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64) libraries=$sysroot/usr/lib/arm-linux-gnueabihf word=() ;;
  *) echo "make-libraries: nothing is known of the architecture $architecture" >&2; exit 64 ;;
esac
# Swift's own clang: bitcode of one LLVM can be read by that one's linker.
resources=$(${SWIFT:-swift} -print-target-info | sed -nE 's/.*"runtimeResourcePath": "(.*)".*/\1/p')
clang=$resources/../../bin/clang archive=$resources/../../bin/llvm-ar
source=$(realpath "$sysroot")/usr/src
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT

mkdir "$objects/include"
: > "$objects/include/jansson_private_config.h" # what configure writes: here on the command line
cat > "$objects/include/assert.h" <<'HEADER'
/* A failed assertion ends the program, as ever, but says nothing: its texts are 9 KB. */
#undef assert
#define assert(condition) ((condition) ? (void)0 : __builtin_trap())
HEADER

# compile LIBRARY OPTION... -- SOURCE...
compile() {
  local library=$1 options=() file; shift
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  mkdir "$objects/$library"
  for file in "$@"; do
    "$clang" "${target[@]}" --sysroot="$sysroot" -flto -ffunction-sections -fdata-sections -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
      -fno-asynchronous-unwind-tables -fno-unwind-tables -w -I"$objects/include" "${options[@]}" \
      -c "$file" -o "$objects/$library/$(basename "${file%.c}").o"
  done
  rm -f "$libraries/$library.a"
  "$archive" rcs "$libraries/$library.a" "$objects/$library"/*.o
}

# What their configure finds on Debian, of what these files ask for. HAVE_TI_MODE: 64 times 64 bits in one instruction or two.
nghttp2=$source/nghttp2/lib
mapfile -t files < <(find "$nghttp2" -maxdepth 1 -name '*.c' ! -name nghttp2_hd_huffman.c | sort) # that one is part of ours
compile libnghttp2 -Oz -DHAVE_ARPA_INET_H -DHAVE_NETINET_IN_H -DHAVE_CLOCK_GETTIME -DHAVE_DECL_CLOCK_MONOTONIC=1 \
  -I"$nghttp2/includes" -I"$nghttp2" -- "${files[@]}" "$here/third-party/nghttp2/huffman.c"
compile libjansson -Oz -DHAVE_ENDIAN_H -DHAVE_FCNTL_H -DHAVE_SCHED_H -DHAVE_UNISTD_H -DHAVE_SYS_PARAM_H -DHAVE_SYS_STAT_H -DHAVE_SYS_TIME_H \
  -DHAVE_SYS_TYPES_H -DHAVE_STDINT_H -DHAVE_CLOSE -DHAVE_GETPID -DHAVE_GETTIMEOFDAY -DHAVE_OPEN -DHAVE_READ -DHAVE_SCHED_YIELD \
  -DHAVE_SYNC_BUILTINS -DHAVE_ATOMIC_BUILTINS -DUSE_URANDOM -DINITIAL_HASHTABLE_ORDER=3 -- "$source"/jansson/src/*.c
# -Os, not -Oz: signatures and key exchanges are what a handshake costs. The primitives that maud names; another one is an undefined symbol.
sodium=$source/libsodium/src/libsodium
mapfile -t primitives < <(find "$sodium"/crypto_{core,hash,scalarmult,shorthash,sign,verify} -name '*.c' ! -path '*/sandy2x/*' | sort)
compile libsodium -Os -DCONFIGURED=1 -DNATIVE_LITTLE_ENDIAN=1 ${word[@]+"${word[@]}"} \
  -I"$sodium/include/sodium" -I"$sodium/include" -I"$sysroot/usr/include/sodium" -- "${primitives[@]}"
