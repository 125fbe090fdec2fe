"""Each function that a header of the product declares is defined and used somewhere. unused.py ROOT

By names alone: a function is unused when its name stands nowhere but where it is declared and defined. What shares
its name with something else passes; nothing that is used is found.
"""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
FOLDERS = ["events", "command-handler", "projector", "reconciler", "tools", "tests"]
# A container calls it, for SecretBytes' allocator; RocksDB; the other two are the compiler's.
CALLED_BY_OTHERS = {"deallocate", "OnBackgroundError", "alignof", "__asm__"}


def code(path):
    """The text without comments and strings."""
    text = re.sub(r'//[^\n]*|/\*.*?\*/', "", path.read_text(), flags=re.S)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def sources():
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cc", ".in"):
                yield path.relative_to(ROOT), code(path)


def main():
    mentions, definitions, declared = collections.Counter(), collections.Counter(), {}
    for path, text in sources():
        mentions.update(re.findall(r"\b[A-Za-z_]\w*", text))
        if path.suffix == ".cc":
            # At the line's begin stands a definition: "Result<Day> Calendar::day_of(".
            definitions.update(re.findall(r"^[A-Za-z_\[][^=;{}()\n]*?\b([A-Za-z_]\w*)\(", text, re.M))
        elif path.parts[0] != "tests":
            for name in re.findall(r"(?<!std::)\b(?!rd_kafka_)([A-Za-z_]\w*)\s*\((?=[^;{]*[;{])", text):
                declared.setdefault(name, path)
    unused = [f"{path}: {name}" for name, path in declared.items()
              if mentions[name] - definitions[name] <= 1 and name not in CALLED_BY_OTHERS]
    for each in unused:
        print(each, "is used by nobody")
    assert len(declared) > 1000, len(declared)
    return 1 if unused else 0


sys.exit(main())
