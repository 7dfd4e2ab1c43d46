#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes files as a C table of names and texts:  embed.py OUTPUT.c FILE..."""
import json
import os
import sys

with open(sys.argv[1], "w", encoding="utf-8") as out:
    out.write('#include "cuda/texts.h"\n\nconst struct tro_cuda_text tro_cuda_texts[] = {\n')
    for path in sorted(sys.argv[2:], key=os.path.basename):
        with open(path, encoding="ascii") as text:
            lines = text.read().splitlines(keepends=True)
        quoted = "\n     ".join(json.dumps(line) for line in lines)
        out.write(f'    {{"{os.path.basename(path)}",\n     {quoted}}},\n')
    out.write("};\nconst int tro_cuda_n_texts =\n"
              "    (int)(sizeof tro_cuda_texts / sizeof tro_cuda_texts[0]);\n")
