#!/usr/bin/env python3
"""man-page.py board PAGE.md | mau HELP.json: a manual page on standard output, from docs/board.md or from what `mau --experimental-dump-help` prints.

Pages that say what is said elsewhere are made from there, so that they never say something else. --date and --version are what the foot of
the page shows.
"""
import argparse
import json
import re
import sys


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return "\\&" + text if text[:1] in ".\\" and not text.startswith("\\") else text


def inline(text):
    """Markdown's code and links in bold and plain."""
    text = re.sub(r"\[([^]]*)\]\(([^)]*)\)", r"\1", text)
    parts = re.split(r"(`[^`]*`)", text)
    return "".join("\\fB" + escape(part[1:-1]) + "\\fR" if part.startswith("`") and len(part) > 1 else escape(part) for part in parts)


def line(text):
    """A line of text: no macro, whatever it begins with."""
    return "\\&" + text if text[:1] in ".'" else text


def table(rows):
    out = []
    head, *body = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))] for row in rows if not re.fullmatch(r"[|\s:-]+", row)]
    for cells in body:
        out += [".TP", line(inline(cells[0])), line(inline(cells[1] if len(cells) > 1 else ""))]
        for name, cell in zip(head[2:], cells[2:]):
            if cell: out += [line(f"({escape(name)}: {inline(cell)})")]
    return out + [".PP"]


def board(text):
    lines, out, rows, code = text.split("\n"), [], [], False
    for text in lines[1:] + [""]:
        if text.startswith("|"):
            rows.append(text)
            continue
        if rows: out, rows = out + table(rows), []
        if text.startswith("```"):
            code = not code
            out += [".PP", ".RS 4", ".nf"] if code else [".fi", ".RE", ".PP"]
        elif code: out.append(line(escape(text)))
        elif text.startswith("    "): out += [".PP", ".RS 4", ".nf", line(escape(text[4:])), ".fi", ".RE", ".PP"]
        elif text.startswith("## "): out += [".SH " + escape(text[3:]).upper()]
        elif text.startswith("### "): out += [".SS " + escape(text[4:])]
        elif not text: out += [".PP"]
        elif text.startswith("- "): out += [".IP \\(bu 2", line(inline(text[2:]))]
        else: out.append(line(inline(text)))
    return [".SH NAME", "board.json \\- what is attached to a board that runs maud", ".SH DESCRIPTION"] + out + [
        ".SH FILES", ".TP", ".I /etc/maud/board.json", "of the Debian package; after a change: \\fBsystemctl reload maud\\fR",
        ".TP", ".I /usr/share/maud/board.schema.json", "the same as a JSON Schema", ".SH SEE ALSO", ".BR maud (8)"]


def names(argument):
    if argument["kind"] == "positional":
        name = "\\fI" + escape(argument.get("valueName", "")) + "\\fR"
        return name + " ..." if argument["isRepeating"] else name
    words = [("-" if name["kind"] == "short" else "--") + name["name"] for name in argument.get("names", [])]
    text = ", ".join("\\fB" + escape(word) + "\\fR" for word in words)
    return text + (" \\fI" + escape(argument["valueName"]) + "\\fR" if argument["kind"] == "option" else "")


def arguments(command):
    out = []
    for argument in command.get("arguments", []):
        if not argument.get("shouldDisplay", True) or any(name["name"] in ("help", "version", "h") for name in argument.get("names", [])): continue
        out += [".TP", names(argument), line(escape(argument.get("abstract", "")))]
    return out


def verb(command, prefix):
    title = " ".join([*prefix, command["commandName"]])
    out = [".SS " + escape(title), line(escape(command.get("abstract", "")))]
    if command.get("discussion"): out += [".PP", ".nf", *(line(escape(text)) for text in command["discussion"].split("\n")), ".fi"]
    out += arguments(command)
    for below in command.get("subcommands", []):
        if below["commandName"] != "help": out += verb(below, [*prefix, command["commandName"]])
    return out


def mau(text):
    command = json.loads(text)["command"]
    out = [".SH NAME", "mau \\- the companion of maud for a PC", ".SH SYNOPSIS", ".B mau", "\\fIverb\\fR [\\fIoptions\\fR]", ".SH DESCRIPTION", line(escape(command["abstract"])), ".PP", ".nf",
           *(line(escape(text)) for text in command["discussion"].split("\n")), ".fi", ".SH VERBS"]
    for below in command["subcommands"]:
        if below["commandName"] != "help": out += verb(below, [])
    return out + [
        ".SH ENVIRONMENT", ".TP", ".B MAU_ROOT", "the Mau directory", ".TP", ".B MAU_PASSPHRASE_FILE", "the file with its passphrase", ".TP", ".B MAU_PEERS", "where devices may be reached", ".SH FILES", ".TP",
        ".I ~/Mau", "the Mau directory", ".SH EXIT STATUS", "0 when it is done, else as in", ".IR sysexits.h ,", "with one sentence on standard error.", ".SH SEE ALSO", ".BR gpg (1),", ".BR maud (8)"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["board", "mau"])
    parser.add_argument("file", type=argparse.FileType(encoding="utf-8"))
    parser.add_argument("--date", default="")
    parser.add_argument("--version", default="")
    options = parser.parse_args()
    title, section = ("board.json", 5) if options.kind == "board" else ("mau", 1)
    page = [".\\\" Made by scripts/man-page.py.", f".TH {title} {section} {options.date} \"maud {options.version}\" Mau", ".ad l", ".nh"]
    page += (board if options.kind == "board" else mau)(options.file.read())
    text = "\n".join(page) + "\n"
    while "\n.PP\n.PP\n" in text: text = text.replace("\n.PP\n.PP\n", "\n.PP\n")
    sys.stdout.write(re.sub(r"\.PP\n(?=\.S[HS])", "", text))


main()
