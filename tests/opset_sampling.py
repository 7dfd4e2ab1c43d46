# SPDX-License-Identifier: Apache-2.0
"""Cases of test_opsets.py: resizing, sampling, boxes."""
import numpy

from opset_kit import Tensor, as_type, p

NOTHING = p(numpy.zeros(0), 'f32')
MODES_10 = ('nearest', 'linear')
MODES_11 = ('half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric')
NEAREST = ('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil')
SCALES = ([1, 1, 2, 2], [1, 1, 0.6, 1.7], [1, 1, 0.5, 0.5], [1, 1, 0.3, 0.2])
SIZES = ([1, 2, 7, 9], [1, 2, 3, 2], [1, 2, 1, 1], [1, 2, 4, 5])


def add_upsample(c):
    x = c.rng.any((1, 2, 4, 5))
    for mode in MODES_10:
        for scales in ([1, 1, 2, 2], [1, 1, 1.5, 2.5], [1, 1, 3, 1]):
            values = [float(s) for s in scales]
            c.add('Upsample', f'attribute {mode} {scales}', [x], hi=8, mode=mode, scales=values)
            c.add('Upsample', f'{mode} {scales}', [x, p(scales, 'f32')], lo=9, hi=9, mode=mode)
        for scales in SCALES:
            c.add('Resize', f'opset 10 {mode} {scales}', [x, p(scales, 'f32')], lo=10, hi=10,
                  mode=mode)
    c.add('Resize', 'opset 10 u8', [c.rng.any((1, 2, 4, 5), 'u8'), p([1, 1, 2, 2], 'f32')], hi=10)


def add_resize(c):
    x = c.rng.any((1, 2, 4, 5))
    for mode in ('nearest', 'linear', 'cubic'):
        for coordinates in (*MODES_11, 'half_pixel_symmetric'):
            lo = 19 if coordinates == 'half_pixel_symmetric' else 11
            for nearest in NEAREST if mode == 'nearest' else (None,):
                attrs = {'mode': mode, 'coordinate_transformation_mode': coordinates,
                         'nearest_mode': nearest}
                name = f'{mode} {coordinates} {nearest}'
                for scales in SCALES:
                    c.add('Resize', f'{name} {scales}', [x, NOTHING, p(scales, 'f32')], lo=lo,
                          **attrs)
                c.add('Resize', f'{name} no roi', [x, None, p([1, 1, 1.3, 2.1], 'f32')],
                      lo=max(lo, 13), **attrs)
                for sizes in SIZES:
                    c.add('Resize', f'{name} sizes {sizes}', [x, None, None, p(sizes)],
                          lo=max(lo, 13), **attrs)


def add_resize_options(c):
    x = c.rng.any((1, 2, 6, 5))
    for attrs in ({'cubic_coeff_a': -0.5}, {'exclude_outside': 1},
                  {'cubic_coeff_a': -0.5, 'exclude_outside': 1}):
        for scales in ([1, 1, 1.7, 2], [1, 1, 0.8, 0.5]):
            c.add('Resize', f'cubic {attrs} {scales}', [x, NOTHING, p(scales, 'f32')], lo=11,
                  mode='cubic', **attrs)
    roi = p([0, 0, 0.1, 0.2, 1, 1, 0.8, 1.2], 'f32')
    for mode in ('nearest', 'linear', 'cubic'):
        for value in (None, 7.0):
            c.add('Resize', f'crop {mode} {value}', [x, roi, None, p([1, 2, 4, 7])], lo=13,
                  mode=mode,
                  coordinate_transformation_mode='tf_crop_and_resize', extrapolation_value=value)
            c.add('Resize', f'crop scales {mode} {value}', [x, roi, p([1, 1, 0.8, 1.5], 'f32')],
                  lo=11, mode=mode, coordinate_transformation_mode='tf_crop_and_resize',
                  extrapolation_value=value)
    for mode in ('linear', 'cubic'):
        for scales in ([1, 1, 0.5, 0.5], [1, 1, 0.6, 0.35], [1, 1, 2, 0.5]):
            c.add('Resize', f'antialias {mode} {scales}', [x, None, p(scales, 'f32')], lo=18,
                  mode=mode, antialias=1)
        c.add('Resize', f'antialias {mode} sizes', [x, None, None, p([1, 2, 3, 4])], lo=18,
              mode=mode,
              antialias=1)
        c.add('Resize', f'antialias {mode} u8', [c.rng.any((1, 2, 6, 5), 'u8'), None, None,
                                                 p([1, 2, 3, 4])], lo=18, mode=mode, antialias=1)
    for policy in ('stretch', 'not_larger', 'not_smaller'):
        for axes in ([2, 3], [-1, -2], None):
            sizes = [4, 9] if axes else [1, 2, 4, 9]
            if axes or policy == 'stretch':
                c.add('Resize', f'{policy} {axes}', [x, None, None, p(sizes)], lo=18, axes=axes,
                      keep_aspect_ratio_policy=policy, mode='linear')
                c.add('Resize', f'{policy} {axes} nearest', [x, None, None, p(sizes)], lo=18,
                      axes=axes, keep_aspect_ratio_policy=policy)
    c.add('Resize', 'axes scales', [x, None, p([2, 0.5], 'f32')], lo=18, axes=[3, 2])
    for rank, shape in ((1, (7,)), (2, (4, 5)), (3, (1, 4, 5)), (5, (1, 2, 2, 3, 4))):
        scales = [1] * max(rank - 3, 0) + [1.5] * min(rank, 3)
        for mode in ('nearest', 'linear') if rank > 1 else ('nearest',):
            c.add('Resize', f'{mode} rank {rank}', [c.rng.any(shape), NOTHING, p(scales, 'f32')],
                  lo=11, mode=mode)
    for dtype in ('f16', 'u8', 'i8', 'i32'):
        for mode in ('nearest', 'linear'):
            c.add('Resize', f'{mode} {dtype}', [c.rng.any((1, 1, 3, 4), dtype), None,
                                                p([1, 1, 2, 2], 'f32')], lo=13, mode=mode)
    nhwc = c.rng.any((1, 4, 5, 2))
    c.add('Resize', 'last channels', [nhwc, None, p([1, 2, 1.5, 1], 'f32')], lo=13, mode='linear')


def add_grid(c):
    x = c.rng.any((2, 3, 4, 5))
    grid = c.rng.reals((2, 3, 6, 2), 'f32', -1.4, 1.4)
    far = c.rng.reals((2, 3, 6, 2), 'f32', -6, 6)
    for padding in ('zeros', 'border', 'reflection'):
        for corners in (0, 1):
            for old, new in (('bilinear', 'linear'), ('nearest', 'nearest'), ('bicubic', 'cubic')):
                attrs = {'padding_mode': padding, 'align_corners': corners}
                name = f'{padding} {corners}'
                for label, g in (('', grid), (' far', far)):
                    c.add('GridSample', f'{old} {name}{label}', [x, g], hi=19, mode=old, **attrs)
                    c.add('GridSample', f'{new} {name}{label}', [x, g], lo=20, mode=new, **attrs)
                if new != 'cubic':
                    c.add('GridSample', f'{new} {name} 3-D', [c.rng.any((1, 2, 3, 4, 3)),
                                                              c.rng.reals((1, 2, 3, 2, 3), 'f32',
                                                                          -1.4, 1.4)],
                          lo=20, mode=new, **attrs)
    c.add('GridSample', 'defaults', [x, grid])
    c.add('GridSample', 'f64', [c.rng.any((1, 2, 4, 4), 'f64'), c.rng.reals((1, 3, 3, 2), 'f64')],
          ['f64'],
          lo=20)
    for corners in (0, 1):
        c.add('AffineGrid', f'2-D {corners}', [c.rng.reals((2, 2, 3)), p([2, 3, 4, 5])],
              align_corners=corners)
        c.add('AffineGrid', f'3-D {corners}', [c.rng.reals((2, 3, 4)), p([2, 3, 4, 5, 2])],
              align_corners=corners)


def add_boxes(c):
    rois = as_type([[0, 0, 5, 6], [1.3, 2.2, 9.7, 8.1], [-3, -2, 4, 3], [5, 5, 5.1, 5.1],
                    [6, 7, 3, 2]], 'f32')
    which = Tensor(numpy.int64([0, 1, 1, 0, 1]))
    x = c.rng.any((2, 3, 9, 10))
    for mode in ('avg', 'max'):
        for ratio in (0, 1, 2):
            for scale in (1.0, 0.5):
                attrs = {'mode': mode, 'sampling_ratio': ratio, 'spatial_scale': scale,
                         'output_height': 3, 'output_width': 2}
                name = f'{mode} {ratio} {scale}'
                c.add('RoiAlign', f'{name}', [x, rois, which], **attrs)
                c.add('RoiAlign', f'{name} half', [x, rois, which], lo=16,
                      coordinate_transformation_mode='output_half_pixel', **attrs)
    c.add('RoiAlign', 'defaults', [x, rois, which])
    corners = c.rng.reals((2, 12, 2), 'f32', 0, 6).data
    boxes = Tensor(numpy.concatenate([corners, corners + c.rng.reals((2, 12, 2), 'f32', 1,
                                                                     5).data], 2))
    centers = Tensor(numpy.concatenate([corners, c.rng.reals((2, 12, 2), 'f32', 1, 5).data], 2))
    flipped = Tensor(boxes.data[:, :, [2, 3, 0, 1]])
    scores = as_type(numpy.stack([c.rng.distinct((24,)).data for _ in range(2)]).reshape(2, 2,
                                                                                         12) / 24,
                                                                                         'f32')
    for label, most, overlap, least in (
            ('all', 20, 0.5, -9.0), ('three', 3, 0.5, -9.0), ('score', 20, 0.3, 0.1),
            ('overlap 0', 20, 0.0, -9.0), ('overlap 1', 20, 1.0, -9.0), ('none', 0, 0.5, 0.0),
            ('score high', 20, 0.5, 99.0)):
        ins = [p([most]), p([overlap], 'f32'), p([least], 'f32')]
        c.add('NonMaxSuppression', label, [boxes, scores, *ins], ['i64'])
        c.add('NonMaxSuppression', f'{label} flipped', [flipped, scores, *ins], ['i64'])
        c.add('NonMaxSuppression', f'{label} centers', [centers, scores, *ins], ['i64'],
              center_point_box=1)
    c.add('NonMaxSuppression', 'defaults', [boxes, scores], ['i64'])
    c.add('NonMaxSuppression', 'empty inputs', [boxes, scores, p([9]), None, p([0], 'f32')],
          ['i64'])
    c.add('NonMaxSuppression', 'same scores', [boxes, numpy.ones((2, 2, 12), numpy.float32), p([9]),
                                               p([0.4], 'f32')], ['i64'])
    c.add('NonMaxSuppression', 'no boxes', [numpy.zeros((1, 0, 4), numpy.float32),
                                            numpy.zeros((1, 1, 0), numpy.float32), p([9])], ['i64'])
    c.add('NonMaxSuppression', 'no area', [numpy.float32([[[1, 1, 1, 1], [1, 1, 1, 1],
                                                           [0, 0, 2, 2]]]),
                                           numpy.float32([[[.9, .8, .7]]]), p([9]),
                                           p([0.5], 'f32')],
          ['i64'])
    c.add('NonMaxSuppression', 'scalars', [boxes, scores, p(9), p(0.5, 'f32'), p(0.1, 'f32')],
          ['i64'])


def add_all(c):
    for add in (add_upsample, add_resize, add_resize_options, add_grid, add_boxes):
        add(c)
