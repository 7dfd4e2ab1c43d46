#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the files of web/ as a C table of pages:  embed_web.py OUTPUT.c FILE..."""
import hashlib
import os
import sys

TYPES = {'.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
         '.css': 'text/css; charset=utf-8', '.json': 'application/json', '.png': 'image/png'}
PATHS = {'index.html': '/', 'dashboard.html': '/dashboard'}
PER_LINE = 24


def main(output, files):
    rows = []
    with open(output, 'w', encoding='ascii') as out:
        out.write('#include "console/daemon/pages.h"\n\n')
        for i, path in enumerate(sorted(files, key=os.path.basename)):
            name = os.path.basename(path)
            with open(path, 'rb') as f:
                content = f.read()
            etag = hashlib.sha256(content).hexdigest()[:16]
            rows.append(f'    {{"{PATHS.get(name, "/" + name)}", '
                        f'"{TYPES[os.path.splitext(name)[1]]}", "\\"{etag}\\"", '
                        f'page_{i}, {len(content)}}},\n')
            out.write(f'static const unsigned char page_{i}[] = {{\n')
            for at in range(0, len(content), PER_LINE):
                out.write(','.join(str(byte) for byte in content[at:at + PER_LINE]) + ',\n')
            out.write('0};\n\n')
        out.write('const struct tro_page tro_pages[] = {\n' + ''.join(rows) + '};\n'
                  'const int tro_n_pages = (int)(sizeof tro_pages / sizeof tro_pages[0]);\n')


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])
