#!/bin/bash
# fuzz.sh SECONDS [TARGET...]: lets libFuzzer search for an input that a parser does not survive, with AddressSanitizer,
# SECONDS for each target (all of Tests/Fuzz unless named). What it learns stays in .build/fuzz/corpus for the next time.
# An input that breaks a parser is left in .build/fuzz/found: it becomes a test before the parser is mended.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1; shift
[ $# -gt 0 ] || set -- $(ls Tests/Fuzz)
build=.build/fuzz
mkdir -p $build/found
for target in "$@"; do
  [ -d "Tests/Fuzz/$target" ] || { echo "fuzz: there is no target $target; there are:" $(ls Tests/Fuzz) >&2; exit 64; }
  echo "$target: building" >&2
  # The linker that Swift takes by itself warns of each symbol of the sanitizer, and fails.
  MAUD_FUZZ=1 "${SWIFT:-swift}" build --product "$target" --sanitize=fuzzer --sanitize=address --scratch-path $build \
    -Xswiftc -use-ld=lld -Xswiftc -sanitize-coverage=edge,inline-8bit-counters,pc-table \
    -Xcc -fsanitize-coverage=inline-8bit-counters,pc-table > $build/log 2>&1 || { cat $build/log >&2; exit 70; }
  corpus=$build/corpus/$target seeds=$build/seeds/$target
  rm -rf "$seeds"; mkdir -p "$corpus" "$seeds"
  case $target in
    BoardFileFuzz) for board in boards/*/board.json; do cp "$board" "$seeds/$(tr / - <<< "$board")"; done ;;
    CommandFuzz)
      cp vocab/examples/command.json "$seeds/command"
      printf '\301\015\003\001\002\003\004\005\006\007\010\022\000\001\001\322\004\001\002\003\004' > "$seeds/file" ;;
    StateFuzz)
      # Without their checksums, which the target adds: a ledger with one record and one highest start; one friend's position.
      python3 -c 'import struct, sys
record = bytes(20) + struct.pack("<QQBBBBqqqqq", 1, 2, 2, 0, 7, 1, 5, 1, 2, 3, 4) + b"\3led" + b"\4boot"
open(sys.argv[1] + "/ledger", "wb").write(struct.pack("<QQHH", 0x3167646C6475616D, 0, 1, 1) + record + bytes(20) + b"\3led" + struct.pack("<q", 9))
open(sys.argv[1] + "/sync", "wb").write(struct.pack("<Q", 0x6D61756473796E31) + bytes(range(20)) + struct.pack("<q", 7))' "$seeds" ;;
    MessageFuzz) find Tests/Fixtures -name '*.pgp' -size -8k | while read -r file; do cp "$file" "$seeds/$(tr / - <<< "$file")"; done ;;
    HTTP2Fuzz)
      # SETTINGS, then two requests (HPACK without a table), PING and WINDOW_UPDATE.
      python3 -c 'import sys
def frame(kind, flags, stream, octets): return len(octets).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + octets
def head(path): return b"\x82\x87\x04" + bytes([len(path)]) + path + b"\x41\x01x"
base = b"/p2p/a62fd4d43e3fc83ec3bedef69c780921444be7d5"
sys.stdout.buffer.write(b"\x20" + frame(4, 0, 0, b"") + frame(1, 5, 1, head(base)) + frame(1, 5, 3, head(base + b"/a.pgp")) + frame(6, 0, 0, bytes(8))
  + frame(8, 0, 3, b"\0\0\xff\xff") + frame(3, 0, 3, bytes(4)))
def literal(name, value): return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
def put(stream, length): return frame(1, 4, stream, b"\x87\x04\x34/p2p/0123456789abcdef0123456789abcdef01234567/c1.pgp" + b"\x41\x01x" + literal(b":method", b"PUT") + literal(b"content-length", length))
open(sys.argv[1], "wb").write(b"\x20" + frame(4, 0, 0, b"") + put(1, b"5") + frame(0, 0, 1, b"bc") + put(3, b"2") + frame(0, 1, 3, b"ab") + frame(0, 1, 1, b"def") + put(5, b"9") + frame(3, 0, 5, bytes(4)))' "$seeds/put" > "$seeds/requests" ;;
    FragmentFuzz)
      # A client opens, asks, and takes an answer of 5,000 octets; a node answers with a gap. Acknowledgements count from 0.
      python3 -c 'import sys
def fragment(text): octets = bytes.fromhex(text); return bytes([len(octets)]) + octets
out = fragment("F1 FE 00 01 EF 01 78 56 34 12") + fragment("F8 FE 00 47 45 54") + b"\xFE" + fragment("F8 FF 07 47") + fragment("F0 00 08") + b"\xFF" + fragment("F3 00 08")
open(sys.argv[1], "wb").write(out + fragment("02 00 0E") + b"\xFD\xFA" + fragment("FA 00 10") + fragment("F4 00 08 00"))' "$seeds/stream" ;;
    NameFuzz) printf 'r-a-000000000001.json.pgp' > "$seeds/batch"; printf -- '-12.5e3' > "$seeds/decimal" ;;
    TLSFuzz)
      for file in Tests/Fixtures/certs/*.der; do { printf '\0'; cat "$file"; } > "$seeds/${file##*/}"; done
      for file in Tests/Fixtures/secret/*.gpg; do { printf '\1'; cat "$file"; } > "$seeds/${file##*/}"; done
      python3 -c 'import ssl, sys
out = ssl.MemoryBIO()
try: ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="a").do_handshake()
except ssl.SSLWantReadError: sys.stdout.buffer.write(b"\2" + out.read())' > "$seeds/hello" ;;
    ResponseFuzz) printf 'HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nLink: </p2p/0?after=1>; rel="next"\r\nContent-Range: bytes 0-4/5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n' > "$seeds/head"
      { printf 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'; cat Tests/Fixtures/ref/alice-listing-for-bob.json; } > "$seeds/listing" ;;
    RequestFuzz) printf 'GET /p2p/0/a.pgp?limit=5&after=1-2 HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9\r\nIf-None-Match: "a"\r\nIf-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT\r\n\r\n' > "$seeds/request" ;;
  esac
  "$build/debug/$target" -max_total_time="$seconds" -max_len=20000 -print_final_stats=1 -verbosity=0 -artifact_prefix=$build/found/"$target"- \
    "$corpus" "$seeds" 2> $build/log || { cat $build/log >&2; echo "fuzz: $target fails; its input is in $build/found" >&2; exit 70; }
  echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' $build/log) inputs, no failure"
done
