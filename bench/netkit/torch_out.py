# SPDX-License-Identifier: Apache-2.0
"""Writes a network as a torch.fx.GraphModule: flat code over ordinary modules."""
import torch
from torch import fx, nn
from torch.nn import functional


class Writer:
    torch = torch
    nn = nn
    F = functional

    def __init__(self, net):
        self.net = net
        self.root = nn.Module()
        self.graph = fx.Graph()

    def call(self, function, *args, **kwargs):
        return self.graph.call_function(function, args, kwargs)

    def method(self, name, *args):
        return self.graph.call_method(name, args)

    def module(self, record, kind, x, *args, **kwargs):
        """A module with the record's parameters, called on x."""
        module = nn.utils.skip_init(kind, *args, **kwargs)
        module.load_state_dict(self._state(record), strict=False)
        self._place(record.name, module)
        return self.graph.call_module(record.name, (x,))

    def parameter(self, record):
        weight = nn.Parameter(self._state(record)["weight"])
        return self._attribute(record.params["weight"], weight)

    def buffer(self, name, array):
        return self._attribute(name, torch.from_numpy(array.copy()))

    def _state(self, record):
        arrays = {k: self.net.params.get(n) for k, n in record.params.items()}
        return {k: torch.from_numpy(a.copy()) for k, a in arrays.items()}

    def _place(self, path, module):
        prefix, _, name = path.rpartition(".")
        self._holder(prefix).add_module(name, module)

    def _attribute(self, path, tensor):
        prefix, _, name = path.rpartition(".")
        holder = self._holder(prefix)
        if isinstance(tensor, nn.Parameter):
            holder.register_parameter(name, tensor)
        else:
            holder.register_buffer(name, tensor)
        return self.graph.get_attr(path)

    def _holder(self, prefix):
        holder = self.root
        for part in filter(None, prefix.split(".")):
            if not hasattr(holder, part):
                holder.add_module(part, nn.Module())
            holder = getattr(holder, part)
        return holder


def to_module(net):
    """The network in evaluation mode; takes its inputs in order, returns a tensor or a tuple."""
    w = Writer(net)
    env = {id(v): w.graph.placeholder(n) for n, v in net.inputs.items()}
    for record in net.records:
        out = record.torch(w, *(env[id(v)] for v in record.inputs))
        for value, node in zip(record.outputs, out if isinstance(out, list) else [out]):
            env[id(value)] = node
    out = tuple(env[id(v)] for v in net.outputs.values())
    w.graph.output(out[0] if len(out) == 1 else out)
    return fx.GraphModule(w.root, w.graph, net.name).eval().requires_grad_(False)
