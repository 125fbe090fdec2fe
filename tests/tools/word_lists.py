"""Writes what follows from a table: the words of outcomes and commands in schemas/openapi.yaml. word_lists.py ROOT

The rows of kOutcomes and kCommandKinds are the one place where these words stand; tests/web/openapi_test.cc holds what
is written here against the compiled tables.
"""
import pathlib
import re
import sys

DOCUMENT = "schemas/openapi.yaml"
# Name in the document, the file and the name of the table, and the word in one of its rows.
LISTS = [
    ("OutcomeWord", "events/money/outcome.h", "kOutcomes", r'\{Outcome::\w+, "(\w+)"'),
    ("CommandWord", "events/entries/command.h", "kCommandKinds", r'command_kind<\w+>\(\d+, "(\w+)"'),
]


def written(text_of):
    """The document as the tables want it; `text_of` gives what is in a file."""
    document = text_of(DOCUMENT)
    for name, header, table, row in LISTS:
        rows = re.search(rf"\b{table} = .*?\n\}}", text_of(header), re.S)
        words = re.findall(row, rows[0])
        assert words, f"{header}: no row of {table}"
        lines = "".join(f"        - {word}\n" for word in words)
        document, count = re.subn(rf"(\n    {name}:\n      type: string\n      enum:\n)(?:        - \w+\n)+",
                                  rf"\g<1>{lines}", document)
        assert count == 1, f"{DOCUMENT}: no list {name}"
    return document


def main():
    root = pathlib.Path(sys.argv[1])
    (root / DOCUMENT).write_text(written(lambda name: (root / name).read_text()))


if __name__ == "__main__":
    main()
