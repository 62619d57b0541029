"""A page of commands and what they print, followed to the letter (docs/raspberry-pi.md says how it is written)."""
import re
import select
import shlex
import subprocess
from pathlib import Path

IDENTITY = r"[0-9a-f]{40}|(?:[0-9A-Z]{5}-){3}[0-9A-Z]{5}"  # a fingerprint or a claim code: the same on the page, the same here


class Step:
    """One command, with what the page says that it prints."""

    def __init__(self, section, command):
        self.section, self.command, self.expected = section, command, []

    def __repr__(self):
        return f"part {self.section}: $ {self.command}"

    @property
    def answers(self):
        """What a person types when asked: what stands in marks behind a prompt."""
        return re.findall(r"^Claim code: ‹(.*)›$", "\n".join(self.expected), re.MULTILINE)

    @property
    def printed(self):
        return [line for line in self.expected if not line.startswith("Claim code: ")]


def read(path):
    """The steps of a page: everything in its frames called "console"."""
    steps, section, is_inside, end = [], "", False, None
    for line in Path(path).read_text().splitlines():
        if not is_inside:
            section = line.split()[1].rstrip(".") if line.startswith("## ") else section
            is_inside = line == "```console"
        elif end is not None:
            steps[-1].command += "\n" + line
            end = None if line == end else end
        elif line == "```":
            is_inside = False
        elif line.startswith("$ "):
            steps.append(Step(section, line[2:]))
            here = re.search(r"<<'(\w+)'", line)
            end = here[1] if here else None
        else:
            steps[-1].expected.append(line)
    return steps


class Known:
    """What stands for each identity of the page."""

    def __init__(self):
        self.values = {}

    def value(self, text):
        return re.sub(IDENTITY, lambda match: self.values.get(match[0], match[0]), text)

    def matches(self, expected, output):
        """Whether these lines say what the page says. Blanks count as one, empty lines not."""
        squeeze = lambda lines: [" ".join(line.split()) for line in lines if line.strip()]
        names = []
        pattern = "".join(r"(?:.*\n)*?" if line == "..." else self.pattern(line, names) + r"\n" for line in squeeze(expected))
        match = re.fullmatch(pattern, "".join(line + "\n" for line in squeeze(output.splitlines())))
        if not match:
            return False
        for number, name in enumerate(names):
            assert match[f"i{number}"] not in self.values.values(), f"{name} is not another one"
            self.values[name] = match[f"i{number}"]
        return True

    def pattern(self, line, names):
        result = ""
        for index, part in enumerate(re.split("[‹›]", line)):
            if index % 2 == 0:
                result += re.escape(part)
            elif part in self.values:
                result += re.escape(self.values[part])
            elif part in names:
                result += f"(?P=i{names.index(part)})"
            elif re.fullmatch(IDENTITY, part):
                result += f"(?P<i{len(names)}>{IDENTITY})"
                names.append(part)
            else:
                result += r"\S.*?"
        return result


class Shell:
    """The shell in which a person types all of it."""

    def __init__(self, directory, cwd, environment):
        self.directory = directory
        self.process = subprocess.Popen(["bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd, env=environment, text=True, bufsize=1)

    def run(self, command, answers, seconds):
        """(exit status, all that it prints)"""
        (self.directory / "typed").write_text("".join(answer + "\n" for answer in answers))
        output = self.directory / "printed"
        self.process.stdin.write(f"{{ {command}\n}} < {shlex.quote(str(self.directory / 'typed'))} > {shlex.quote(str(output))} 2>&1; echo $?\n")
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            raise AssertionError(f"$ {command}\ndoes not end within {seconds} s:\n{output.read_text(errors='replace')}")
        return int(self.process.stdout.readline()), output.read_text(errors="replace")

    def close(self):
        self.process.stdin.close()
        self.process.wait()
