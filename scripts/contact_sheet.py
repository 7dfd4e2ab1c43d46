#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A contact sheet of a data set that "trocar sim dataset" wrote: a row for each slice.

    scripts/contact_sheet.py DIR -o SHEET.png [--columns N] [--width PX] [--truth]

--truth adds for each frame of the clean slice its classes, instances and depth. Needs PIL.
"""
import argparse
import collections
import json
import os

from PIL import Image, ImageDraw

LABEL_PX = 14


def rows_of(folder):
    """{slice: [line of frames.jsonl]} in the order of the file."""
    rows = collections.OrderedDict()
    with open(os.path.join(folder, 'frames.jsonl'), encoding='utf-8') as f:
        for line in f:
            frame = json.loads(line)
            rows.setdefault(frame['slice'], []).append(frame)
    return rows


def palette_of(folder):
    colours = []
    with open(os.path.join(folder, 'labels.tsv'), encoding='utf-8') as f:
        for line in list(f)[1:]:
            text = line.rstrip('\n').split('\t')[2]
            colours += [int(text[i:i + 2], 16) for i in (1, 3, 5)]
    return colours


def label_picture(folder, frame):
    picture = Image.open(os.path.join(folder, frame['label'])).copy()
    picture = picture.convert('P')
    picture.putpalette(palette_of(folder))
    return picture.convert('RGB')


def truth_pictures(folder, frame):
    label = label_picture(folder, frame)
    draw = ImageDraw.Draw(label)
    for tool in frame['truth']['instruments']:
        if tool['pixels']:
            x0, y0, x1, y1 = tool['box']
            draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=(255, 255, 255))
    points = [tool[k] for tool in frame['truth']['instruments'] for k in ('tip', 'wrist')]
    for point in points + list(frame['truth']['landmarks'].values()):
        if point['visible']:
            x, y = point['px']
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline=(255, 0, 255), width=2)
    depth = Image.open(os.path.join(folder, frame['depth']))
    near_is_white = depth.point(lambda v: 255 - v / 60).convert('L').convert('RGB')
    return [label, near_is_white]


def sheet(folder, options):
    rows = rows_of(folder)
    first = Image.open(os.path.join(folder, next(iter(rows.values()))[0]['picture']))
    width = options.width
    height = round(first.height * width / first.width)
    lines = []
    for name, frames in rows.items():
        step = max(1, len(frames) // options.columns)
        lines.append((name, [Image.open(os.path.join(folder, f['picture']))
                             for f in frames[::step][:options.columns]]))
    if options.truth:
        clean = rows['clean']
        step = max(1, len(clean) // options.columns)
        pictures = [truth_pictures(folder, f) for f in clean[::step][:options.columns]]
        for i, name in enumerate(('classes, boxes, points', 'depth')):
            lines.append((name, [p[i] for p in pictures]))
    page = Image.new('RGB', (width * options.columns, (height + LABEL_PX) * len(lines)))
    draw = ImageDraw.Draw(page)
    for i, (name, pictures) in enumerate(lines):
        y = i * (height + LABEL_PX)
        draw.text((2, y + 1), name, fill=(255, 255, 255))
        for k, picture in enumerate(pictures):
            page.paste(picture.resize((width, height)), (k * width, y + LABEL_PX))
    return page


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('folder')
    p.add_argument('-o', '--output', required=True)
    p.add_argument('--columns', type=int, default=5)
    p.add_argument('--width', type=int, default=320)
    p.add_argument('--truth', action='store_true')
    options = p.parse_args()
    sheet(options.folder, options).save(options.output)


if __name__ == '__main__':
    main()
