"""Writes ONNX graphs whose weights lie in a file beside them, which graphs of the same network share."""

import hashlib
from pathlib import Path

import onnx_ir as ir
import torch

#: Weights start at multiples of this, so that a runtime can map them.
ALIGNMENT = 4096
#: Tensors below this many bytes stay in the graph, where the runtime folds them.
SMALL = 1024


class WeightsFile:
    """A file of weights, which grows by each graph that is written to the folder.

    A weight whose bytes are in the file is not written again. The matrices at the addresses `hollow` (see `hollow`)
    only get a place in the file, which is left to be filled (see `random_weights`); all else stays in the graph then.
    """

    def __init__(self, folder: Path, name: str, hollow: frozenset[int] = frozenset()):
        self.folder, self.name, self.hollow = folder, name, hollow
        self.end = 0
        self.offsets: dict[object, int] = {}
        (folder / name).unlink(missing_ok=True)

    def write_graph(self, model: ir.Model, name: str) -> None:
        """Writes the graph `name`, and those of its weights that the file lacks."""
        # Where in the sources a node comes from: most of a graph's size, and of no use to a runtime.
        for node in ir.traversal.RecursiveGraphIterator(model.graph):
            node.metadata_props.clear()
        for value in model.graph.initializers.values():
            tensor = value.const_value
            offset = self._hollow_offset(tensor) if self.hollow else self._offset(tensor)
            if offset is not None:
                value.const_value = ir.ExternalTensor(
                    self.name,
                    offset,
                    tensor.nbytes,
                    tensor.dtype,
                    shape=tensor.shape,
                    name=value.name,
                    base_dir=self.folder,
                )
        ir.save(model, self.folder / name)

    def _offset(self, tensor: ir.TensorProtocol) -> int | None:
        if tensor.nbytes < SMALL:
            return None
        data = tensor.tobytes()
        key = hashlib.sha256(data).digest()
        if key not in self.offsets:
            with (self.folder / self.name).open("ab") as file:
                file.write(bytes(-self.end % ALIGNMENT))
                file.write(data)
        return self._reserve(key, len(data))

    def _hollow_offset(self, tensor: ir.TensorProtocol) -> int | None:
        values = tensor.raw
        if not isinstance(values, torch.Tensor) or values.data_ptr() not in self.hollow:
            return None
        return self._reserve(values.data_ptr(), tensor.nbytes)

    def _reserve(self, key: object, length: int) -> int:
        if key not in self.offsets:
            self.offsets[key] = self.end + -self.end % ALIGNMENT
            self.end = self.offsets[key] + length
        return self.offsets[key]
