"""Parses Bicep files with two parsers that know nothing of each other, and prints the syntax tree of one of them.

Takes files as arguments; prints a JSON object: for each file the errors of each parser and the tree of tree-sitter, a node
being its type, the name that its parent has for it, its text if it is a leaf, and its children.
"""

import json
import sys

import pycep
import tree_sitter_bicep
from tree_sitter import Language, Parser


def node(one, name):
    children = []
    for at, child in enumerate(one.children):
        # the tree has no node for \$ in a string
        if one.type == "string" and at > 0 and one.children[at - 1].end_byte < child.start_byte:
            gap = one.text[one.children[at - 1].end_byte - one.start_byte : child.start_byte - one.start_byte]
            children.append({"type": "escape_sequence", "name": "", "text": gap.decode(), "children": []})
        children.append(node(child, one.field_name_for_child(at)))
    text = "" if children else one.text.decode()
    return {"type": one.type, "name": name or "", "text": text, "children": children}


def faults(one):
    if one.is_error or one.is_missing:
        yield f"line {one.start_point[0] + 1}: tree-sitter: {one.type}"
    for child in one.children:
        yield from faults(child)


def second(text):
    try:
        second_parser.parse(text=text)
    except Exception as error:  # whatever it cannot read is a fault of the file
        yield f"pycep: {error}"


second_parser = pycep.BicepParser()
tree_sitter = Parser(Language(tree_sitter_bicep.language()))
found = {}
for file in sys.argv[1:]:
    with open(file, encoding="utf8") as source:
        text = source.read()
    root = tree_sitter.parse(text.encode()).root_node
    found[file] = {"faults": [*faults(root), *second(text)], "tree": node(root, None)}
json.dump(found, sys.stdout)
