"""Random small changes of the product's sources, the same for the same number and sources.

Operators are exchanged, conditions negated, statements left out, numbers made one more or one less, and functions end
at once. Comments, texts, assertions, what is told to people and declarations are left alone.
"""
import dataclasses
import pathlib
import random
import re

FOLDERS = ["command-handler/core", "command-handler/shard", "events/log", "events/log/embedded", "events/log/kafka",
           "projector/views"]
# Draws of one number, of which the first that compiles counts.
DRAWS = 8

EXCHANGED = {"<": ["<=", ">"], "<=": ["<", ">="], ">": [">=", "<"], ">=": [">", "<="], "==": ["!="], "!=": ["=="],
             "&&": ["||"], "||": ["&&"], "+": ["-"], "-": ["+"], "+=": ["-="], "-=": ["+="], "*": ["+"], "/": ["*"]}
# What is said to people, and what no input can cause.
TOLD = re.compile(r"\b(?:VOUCH_ASSERT|static_assert|tell|corrupt|fault|Fault|storage_fault|record_name|gave_up|doubt|"
                  r"refused|cannot|broken|expected|report)\s*[({]|^#.*$|^ *template <.*$|^(?:inline )?constexpr .*$",
                  re.M)
PAIRS = {"(": ")", "{": "}"}


@dataclasses.dataclass(frozen=True)
class Site:
    """A place of a text, from `begin` to `end`, and what may stand there instead."""
    begin: int
    end: int
    instead: tuple


@dataclasses.dataclass(frozen=True)
class Drawn:
    file: str
    line: int
    before: str
    after: str
    text: str


@dataclasses.dataclass(frozen=True)
class Mutation:
    number: int
    draws: list


def end_of_pair(text, begin):
    """Behind the bracket that closes the one at `begin`."""
    depth = 0
    for at in range(begin, len(text)):
        if text[at] == text[begin]:
            depth += 1
        elif text[at] == PAIRS[text[begin]]:
            depth -= 1
            if depth == 0:
                return at + 1
    return len(text)


def blanked(text, begin, end):
    return text[:begin] + re.sub(r"[^\n]", " ", text[begin:end]) + text[end:]


def code_of(text):
    """`text` with blanks where nothing is to be changed."""
    quiet = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])*\''
    code = re.sub(quiet, lambda found: re.sub(r"[^\n]", " ", found.group(0)), text, flags=re.S)
    for found in list(TOLD.finditer(code)):
        if code[found.start()] == " " and found.group(0).strip()[:1] not in ("t", "#"):
            continue
        last = found.end() - 1
        end = end_of_pair(code, last) if code[last] in PAIRS else found.end()
        code = blanked(code, found.start(), end)
    return code


def operators(code):
    for found in re.finditer(r"(?<= )(<=|>=|==|!=|&&|\|\||\+=|-=|[<>+\-*/])(?=[ \n])", code):
        yield Site(found.start(), found.end(), tuple(EXCHANGED[found.group(0)]))
    for found in re.finditer(r"\+\+|--", code):
        yield Site(found.start(), found.end(), ("--" if found.group(0) == "++" else "++",))


def conditions(code):
    for found in re.finditer(r"\b(?:if|while) \(", code):
        begin = found.end() - 1
        end = end_of_pair(code, begin)
        held = code[begin + 1:end - 1]
        if ";" in held:  # the condition is what stands behind
            begin += held.rindex(";") + 1
            held = code[begin + 1:end - 1]
        if re.match(r" *(?:const|auto)\b", held):  # a declaration, which cannot be negated
            continue
        yield Site(begin + 1, end - 1, (f" !({held.strip()})" if held.startswith(" ") else f"!({held})",))


def statements(code):
    """A call whose result nobody uses, or what is put into something that is there already; in one line."""
    for found in re.finditer(r"^( +)(?!return|throw|using|break|continue|co_)(?:\+\+|--|\(void\))?[a-zA-Z_]"
                             r"[\w.\->\[\]*]*(?:\([^;\n]*\)|(?:\([^;\n]*\))? [+\-|&]?= [^;\n]*);$", code, re.M):
        begin = found.start() + len(found.group(1))
        yield Site(begin, found.end(), (";",))


def numbers(code):
    for found in re.finditer(r"(?<![\w.'<])\d+(?![\w.'>])", code):
        value = int(found.group(0))
        yield Site(found.start(), found.end(), (str(value + 1),) + ((str(value - 1),) if value else ()))


def early_ends(code):
    for found in re.finditer(r"^(?: {4})?(?:\[\[\w+\]\] )?(void|bool|Status|[A-Z]\w*(?:<[^\n]*>)?) [\w:]+\([^;{}]*\)"
                             r"(?: const)?(?: override)? \{\n", code, re.M):
        ends = {"void": ("return;",), "bool": ("return true;", "return false;")}
        instead = ends.get(found.group(1), ("return {};",))
        yield Site(found.end(), found.end(), tuple(f"    {end}\n" for end in instead))


KINDS = [operators, conditions, statements, numbers, early_ends]


class Mutations:
    """All sites of the folders; a number draws from them."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.texts = {}
        self.sites = []  # by kind: files with the number of sites before each, and the sites
        for folder in FOLDERS:
            for path in sorted((self.root / folder).glob("*.cc")):
                self.texts[str(path.relative_to(self.root))] = path.read_text()
        codes = {name: code_of(text) for name, text in self.texts.items()}
        for kind in KINDS:
            self.sites.append([(name, site) for name, code in codes.items() for site in kind(code)])

    def mutation(self, number):
        chance = random.Random(number)
        return Mutation(number, [self.draw(chance) for _ in range(DRAWS)])

    def draw(self, chance):
        name, site = chance.choice(chance.choice(self.sites))
        text = self.texts[name]
        instead = chance.choice(site.instead)
        mutated = text[:site.begin] + instead + text[site.end:]
        return Drawn(name, text.count("\n", 0, site.begin) + 1, line_at(text, site.begin),
                     line_at(mutated, site.begin), mutated)


def line_at(text, at):
    begin = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    return text[begin:end].strip()
