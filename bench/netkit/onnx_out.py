# SPDX-License-Identifier: Apache-2.0
"""Writes a network as ONNX, in the shape that PyTorch's exporter gives it."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
TYPES = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "b": TensorProto.BOOL}


class Writer:
    def __init__(self, net):
        self.net = net
        self.nodes = []
        self.initializers = {}
        self.scope = ""
        self.taken = {}

    def node(self, kind, inputs, n_out=1, **attributes):
        """Adds a node; returns the name of its output, or a list of names."""
        base = f"{self.scope}/{kind}"
        again = self.taken[base] = self.taken.get(base, -1) + 1
        name = f"{base}_{again}" if again else base
        outputs = [f"{name}_output_{i}" for i in range(n_out)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=name, **attributes))
        return outputs[0] if n_out == 1 else outputs

    def constant(self, array):
        return self.node("Constant", [], value=numpy_helper.from_array(np.asarray(array)))

    def param(self, record, local, change=None):
        name = record.params[local]
        array = self.net.params.get(name)
        if change:
            name, array = f"{name}_t", np.ascontiguousarray(change(array))
        self.initializers[name] = numpy_helper.from_array(array, name)
        return name

    def rename_outputs(self, names):
        """Gives tensors their public names: names maps old to new."""
        for node in self.nodes:
            for field in (node.input, node.output):
                for i, old in enumerate(field):
                    field[i] = names.get(old, old)


def to_onnx(net):
    """The network as an onnx.ModelProto."""
    w = Writer(net)
    names = {id(v): n for n, v in net.inputs.items()}
    for record in net.records:
        w.scope = "/" + record.name.replace(".", "/")
        out = record.onnx(w, *(names[id(v)] for v in record.inputs))
        for value, name in zip(record.outputs, out if isinstance(out, list) else [out]):
            names[id(value)] = name
    w.rename_outputs({names[id(v)]: n for n, v in net.outputs.items()})
    graph = helper.make_graph(
        w.nodes,
        net.name,
        [helper.make_tensor_value_info(n, TYPES[v.dtype], v.shape) for n, v in net.inputs.items()],
        [helper.make_tensor_value_info(n, TYPES[v.dtype], v.shape) for n, v in net.outputs.items()],
        list(w.initializers.values()),
    )
    return helper.make_model(
        graph,
        producer_name="trocar-bench",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )


def save(net, path):
    onnx.save(to_onnx(net), path)


def read_params(net, path):
    """Sets all parameters to those of a file that save wrote."""
    arrays = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    for name in net.params.specs:
        turned = arrays.get(f"{name}_t")
        net.params.set(name, arrays[name] if turned is None else turned.T)
