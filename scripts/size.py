#!/usr/bin/env python3
"""size.py BINARY MAP LIMIT: what takes the room in a stripped binary, by section, by module and by symbol.

MAP is the map that lld wrote at the link; LIMIT is in octets (0: none). Exits with 1 when the binary is larger.
"""
import collections
import os
import re
import subprocess
import sys

TOP = 25
# C has no modules: what a library's functions begin with. Its static functions often do not, and stay "C".
LIBRARIES = re.compile(r"(?P<nghttp2>nghttp2_|huff_|sf_)|(?P<libsodium>crypto_|[gsf]e25519_|sc25519_|SHA(256|512)_|ristretto)|(?P<jansson>json_|jsonp_|hashtable_|lex_|utf8_)"
                       r"|(?P<Mbed_TLS>mbedtls_|ssl_|psa_|x509_|pk_|rsa_|aes|gcm_|u256_|m256_|p256_|poly1305_|chacha)")
LINE = re.compile(r"^ *([0-9a-f]+) +([0-9a-f]+) +([0-9a-f]+) +(\d+) (.*)$")


def module_of_symbol(name):
    """Link-time optimization leaves one object file, in which only names tell: '$e6System3LogV...' -> System"""
    mangled = re.match(r"\$[es](\d+)", name)
    if mangled:
        return name[mangled.end():][:int(mangled[1])]
    if name.startswith(("$e", "$s", "swift_")):
        return "Swift library"
    library = LIBRARIES.match(name)
    return "outlined" if name.startswith("OUTLINED_FUNCTION") else library.lastgroup.replace("_", " ") if library else "C"


def module_of(source):
    """'libsodium.a(x.o):(.text)' -> libsodium.a; 'maud.lto.o:(.text.$e6System3LogV...)' -> System"""
    file, section = source.rsplit(":(", 1) if ":(" in source else (source, "")
    if file.endswith(".lto.o"):
        name = re.match(r"\.[a-z.]+\.([$_A-Za-z].*)\)", section)
        return module_of_symbol(name[1]) if name else "constants"
    archive = re.search(r"([^/]+\.a)\(", file)
    if archive:
        return archive.group(1)
    built = re.search(r"([^/]+)\.build/", file)
    return built.group(1) if built else os.path.basename(file) or "linker"


def read_map(path):
    """Octets by output section, by (kind, module) and by symbol, of what is loaded into memory."""
    sections, modules, symbols = {}, collections.Counter(), []
    section = module = ""
    for line in open(path, encoding="utf-8", errors="replace"):
        match = LINE.match(line)
        if not match:
            continue
        address, size, what = int(match[1], 16), int(match[3], 16), match[5]
        indent = len(what) - len(what.lstrip())
        what = what.strip()
        if indent == 0:
            section = what
            if address and size:
                sections[section] = size
        elif section in sections and indent < 16:
            module = module_of(what)
            modules[(module, section in (".bss", ".tbss", ".relro_padding"))] += size
        elif section in sections and size:
            symbols.append((size, module, what))
    return sections, modules, sorted(symbols, reverse=True)


def demangled(names):
    try:
        result = subprocess.run(["swift", "demangle", "--compact"], input="\n".join(names), capture_output=True, text=True, check=True)
        return [re.sub(r"generic specialization <(.*?)> of ", r"<\1> ", line) for line in result.stdout.splitlines()]
    except (OSError, subprocess.CalledProcessError):
        return names


def main():
    binary, map_file, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
    sections, modules, symbols = read_map(map_file)
    print(f"{'octets':>8}  section")
    for name, size in sorted(sections.items(), key=lambda item: -item[1]):
        print(f"{size:8}  {name}{'  (memory only)' if name in ('.bss', '.relro_padding') else ''}")
    print(f"\n{'octets':>8}  module")
    for (name, memory), size in modules.most_common():
        if size:
            print(f"{size:8}  {name}{'  (memory only)' if memory else ''}")
    print(f"\n{'octets':>8}  {'module':14} symbol")
    for (size, module, _), name in zip(symbols[:TOP], demangled([name for _, _, name in symbols[:TOP]])):
        print(f"{size:8}  {module[:14]:14} {name[:110]}")
    total = os.path.getsize(binary)
    print(f"\n{binary}: {total} octets, {total / 1024:.1f} KiB" + (f"; at most {limit // 1024} KiB" if limit else ""))
    if limit and total > limit:
        sys.exit(f"size: {binary} is {total - limit} octets too large")


if __name__ == "__main__":
    main()
