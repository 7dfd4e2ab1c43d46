# SPDX-License-Identifier: Apache-2.0
"""Networks to ONNX files, as research code exports them: batch normalization stays; what the input
expects goes into the metadata, what the outputs mean into a record beside the file."""
import copy
import json
import os
import re

import torch
from torch import nn

from augment import MEAN, STD
from data import HEIGHT, WIDTH

OPSET = 17


class Whole(nn.Module):
    """The network with what its file does to the raw output."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, image, *more):
        if not hasattr(self.net, 'STATES'):
            return self.net.finish(self.net(image), *more)
        raw, *after = self.net(image, *more)
        return (self.net.finish(raw), *after)


def clean(path, name, metadata):
    """Leaves no trace of the machine: no stack traces, no paths, no documentation strings."""
    import onnx
    model = onnx.load(path)
    model.doc_string = ''
    model.graph.doc_string = ''
    model.graph.name = name
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input,
                 *model.graph.output, *model.graph.initializer):
        part.doc_string = ''
        if hasattr(part, 'metadata_props'):
            del part.metadata_props[:]
    del model.metadata_props[:]
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def weights_of(path):
    """Of an exported file, under the names that its network has for them."""
    from onnx import load, numpy_helper
    return {w.name.removeprefix('net.'): torch.from_numpy(numpy_helper.to_array(w).copy())
            for w in load(path).graph.initializer}


def metadata_of(task):
    return {'trocar.input.layout': 'nchw', 'trocar.input.colour': 'rgb',
            'trocar.input.scale': repr(1 / 255),
            'trocar.input.mean': ','.join(f'{v:g}' for v in MEAN),
            'trocar.input.std': ','.join(f'{v:g}' for v in STD),
            **(task.metadata() if hasattr(task, 'metadata') else {})}


def on_one_line(match):
    """A list of JSON."""
    return json.dumps(json.loads(match[0]))


def write_record(path, task, states, optics):
    image = {'format': 'rgb8', 'scale': 1 / 255, 'mean': MEAN, 'std': STD}
    record = {'inputs': {'image': image}, 'outputs': {task.output: task.record()}}
    if states:
        record['states'] = states
    if optics:
        record['optics'] = optics
    text = re.sub(r'\[[^][]*\]', on_one_line, json.dumps(record, indent=2))
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text + '\n')


def export(task, name, net, folder):
    """NAME.onnx and NAME.json; the size of the former."""
    net = copy.deepcopy(net).float().cpu().to(memory_format=torch.contiguous_format).eval()
    states = getattr(net, 'STATES', {})
    inputs = (torch.zeros(1, 3, HEIGHT, WIDTH), *(net.start(1, 'cpu') if states else ()),
              *(torch.ones(1) for _ in net.OPTICS))
    path = os.path.join(folder, name + '.onnx')
    torch.onnx.export(Whole(net), inputs, path, opset_version=OPSET, dynamo=False,
                      input_names=['image', *states, *net.OPTICS],
                      output_names=[task.output, *states.values()],
                      training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    clean(path, name, metadata_of(task))
    write_record(os.path.join(folder, name + '.json'), task, states, net.OPTICS)
    return os.path.getsize(path)
