#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the generated pages of docs/ from the lists they describe:

    scripts/docs.py            writes what has changed
    scripts/docs.py --check    names what is not up to date, exit 1
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# A row of ops.def: the id, eight columns without quotes or blanks, the line for this page.
ROW = re.compile(r'^OP\(\s*(\w+),\s*"(\w+)",\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+),\s*(\w+),\s*(\w+),'
                 r'\s*\w+,\s*\w+,\s*"((?:[^"\\]|\\.)*)"\s*\)', re.M)
SECTION = re.compile(r'^/\* -- (.*?) \*/$', re.M)
ATTR_SET = re.compile(r'^ATTRS_BEGIN\((\w+)\)\n(.*?)^ATTRS_END', re.M | re.S)
ATTR = re.compile(r'^\s*A_(\w+)\((\w+)(?:,\s*(\w+))?\)(?:\s*/\* (.*?) \*/)?', re.M)
ENUM_SET = re.compile(r'^ENUM_SET\((\w+),\s*([^)]*)\)', re.M)

TYPE_TEXT = {'INT': 'integer', 'FLT': 'number', 'STR': 'text', 'DTYPE': 'element type',
             'INTS': 'integers', 'DIMS': 'sizes'}
KIND_TEXT = [
    ('POINTWISE', 'each output element from the broadcast input elements at its place'),
    ('REDUCE', 'combines elements along axes'),
    ('MOVE', 'copies elements to other places, changes none'),
    ('ANCHOR', 'many input elements for one output element'),
    ('EXTENT', 'the size of the result depends on values: bounded, known at run time'),
    ('CONTROL', 'has blocks of nodes of its own'),
    ('OTHER', 'the rest'),
]


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as f:
        return f.read()


def count(least, most):
    if most == 255:
        return f'{least} or more'
    return str(least) if least == most else f'{least} to {most}'


def cell(text):
    return text.replace('\\"', '"').replace('|', '\\|')


def operator_table(text):
    lines = []
    marks = sorted([(m.start(), m) for m in SECTION.finditer(text)]
                   + [(m.start(), m) for m in ROW.finditer(text)], key=lambda pair: pair[0])
    for _, m in marks:
        if m.re is SECTION:
            title = m.group(1)
            lines += ['', f'## {title[0].upper()}{title[1:]}', '',
                      '| operator | inputs | outputs | kind | attributes | what it does |',
                      '| --- | --- | --- | --- | --- | --- |']
            continue
        _, name, in_least, in_most, out_least, out_most, kind, attrs, what = m.groups()
        link = '' if attrs == 'none' else f'[{attrs}](#{attrs})'
        lines.append(f'| `{name}` | {count(int(in_least), int(in_most))} '
                     f'| {count(int(out_least), int(out_most))} | {kind.lower()} | {link} '
                     f'| {cell(what)} |')
    return lines


def attribute_tables(text):
    enums = {name: [v.strip() for v in values.split(',')]
             for name, values in ENUM_SET.findall(text)}
    lines = ['', '## Attributes', '',
             'Zero, empty, or the first name of a list is the default and is left out of the text '
             'form.']
    for name, body in ATTR_SET.findall(text):
        rows = ATTR.findall(body)
        if not rows:
            continue
        lines += ['', f'### {name}', '', '| attribute | type | meaning |', '| --- | --- | --- |']
        for kind, field, enum, note in rows:
            type_text = ', '.join(f'`{v}`' for v in enums[enum]) if enum else TYPE_TEXT[kind]
            lines.append(f'| `{field}` | {type_text} | {cell(note)} |')
    return lines


def operators_page():
    ops = read('src/graph/ops.def')
    rows = ROW.findall(ops)
    n_written = len(re.findall(r'^OP\(', ops, re.M))
    if len(rows) != n_written:
        raise SystemExit(f'docs: src/graph/ops.def: {n_written} rows, {len(rows)} understood')
    kinds = {kind for *_, kind, _, _ in rows}
    unknown = kinds - {kind for kind, _ in KIND_TEXT}
    if unknown:
        raise SystemExit(f'docs: src/graph/ops.def: kind {unknown.pop()} is not in scripts/docs.py')
    lines = ['# Operators', '',
             'Generated from `src/graph/ops.def` and `src/graph/attrs.def` by `make docs`.', '',
             f'The {len(rows)} operators of the graph. The importer makes them of those of ONNX.',
             'Unless a line says otherwise outputs have the type of the first input, pointwise',
             'inputs have one type and broadcast as in numpy; axes and indices may be negative.',
             '', '| kind | what |', '| --- | --- |']
    lines += [f'| {kind.lower()} | {what} |' for kind, what in KIND_TEXT if kind in kinds]
    lines += operator_table(ops) + attribute_tables(read('src/graph/attrs.def'))
    return '\n'.join(lines) + '\n'


# A row of passes.def: name, stage, the line for the page.
PASS_ROW = re.compile(r'^PASS\(\s*(\w+),\s*(\d+),\s*"((?:[^"\\]|\\.)*)"\s*\)', re.M)


def passes_page():
    text = read('src/passes/passes.def')
    rows = PASS_ROW.findall(text)
    if len(rows) != len(re.findall(r'^PASS\(', text, re.M)):
        raise SystemExit('docs: src/passes/passes.def: a row is not understood')
    lines = ['# Passes', '',
             'Generated from `src/passes/passes.def` by `make docs`.', '',
             'What the builder does to a graph before it goes into a plan, in this order. Passes',
             'of one stage repeat until none of them changes anything. `--passes all,-NAME` leaves',
             'one out, `--dump-after NAME` prints the graph after it, `--bisect N` makes only the',
             'first N changes and says which was the last. `tests/passes/NAME` shows graphs before',
             'and after.',
             '', '| pass | stage | what it does |', '| --- | --- | --- |']
    lines += [f'| `{name}` | {stage} | {cell(what)} |' for name, stage, what in rows]
    return '\n'.join(lines) + '\n'


PAGES = {'docs/operators.md': operators_page, 'docs/passes.md': passes_page}


def main():
    is_check = sys.argv[1:] == ['--check']
    if sys.argv[1:] and not is_check:
        raise SystemExit('usage: scripts/docs.py [--check]')
    n_stale = 0
    for path, make in PAGES.items():
        text = make()
        full = os.path.join(ROOT, path)
        is_current = os.path.exists(full) and read(path) == text
        if is_check:
            verdict = 'PASS' if is_current else 'FAIL'
            print(f'{verdict} {path}' + ('' if is_current else ': not up to date, run "make docs"'))
        elif not is_current:
            with open(full, 'w', encoding='utf-8') as f:
                f.write(text)
            print(f'docs: wrote {path}')
        n_stale += not is_current
    return 1 if is_check and n_stale else 0


if __name__ == '__main__':
    sys.exit(main())
