#!/usr/bin/env python3
"""debian-changelog.py PACKAGE VERSION MAINTAINER DATE: Debian's changelog, of one entry, from the newest section of CHANGELOG.md on standard input."""
import re
import sys
import textwrap

package, version, maintainer, date = sys.argv[1:]
section = re.split(r"^## .*\n", sys.stdin.read(), flags=re.MULTILINE)[1]
text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", section).replace("`", "")
print(f"{package} ({version}) unstable; urgency=medium\n")
for item in re.findall(r"^- (.*(?:\n  .*)*)", text, flags=re.MULTILINE):
    print(textwrap.fill(" ".join(item.split()), 78, initial_indent="  * ", subsequent_indent="    ", break_on_hyphens=False))
print(f"\n -- {maintainer}  {date}")
