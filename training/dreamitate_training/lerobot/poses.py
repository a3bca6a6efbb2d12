"""Poses as the numbers of a policy: seven a tool."""

import numpy as np

#: Position in the world, metres, and unit quaternion of the tool's rotation.
NUMBERS = ("x_m", "y_m", "z_m", "qx", "qy", "qz", "qw")


def names(tools: tuple[str, ...]) -> list[str]:
    """Returns what the numbers of `vectors` are called: `left.x_m`, …"""
    return [f"{tool}.{number}" for tool in tools for number in NUMBERS]


def vectors(world_from_tool: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """Returns poses `[tools, T, 3, 4]` as float64 `[T, 7 · tools]`.

    Of q and −q, which are the same rotation, each is the one nearer to the frame before; `before`
    holds the numbers before the first frame, `[7 · tools]`.
    """
    tools, frames = world_from_tool.shape[:2]
    values = np.empty((frames, tools, 7))
    values[..., :3] = world_from_tool[..., 3].swapaxes(0, 1)
    values[..., 3:] = quaternions(world_from_tool[..., :3]).swapaxes(0, 1)
    last = None if before is None else before.reshape(tools, 7)
    for now in values:
        if last is not None:
            now[(now[:, 3:] * last[:, 3:]).sum(-1) < 0, 3:] *= -1
        last = now
    return values.reshape(frames, -1)


def quaternions(rotations: np.ndarray) -> np.ndarray:
    """Returns rotation matrices `[..., 3, 3]` as unit quaternions `[..., 4]`: x, y, z, w, of any
    sign.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = np.moveaxis(rotations, (-2, -1), (0, 1))
    # 4·q·qᵀ − 1, whose largest eigenvalue has the eigenvector q.
    matrix = [
        [xx - yy - zz, xy + yx, xz + zx, zy - yz],
        [xy + yx, yy - xx - zz, yz + zy, xz - zx],
        [xz + zx, yz + zy, zz - xx - yy, yx - xy],
        [zy - yz, xz - zx, yx - xy, xx + yy + zz],
    ]
    return np.linalg.eigh(np.moveaxis(np.array(matrix), (0, 1), (-2, -1)))[1][..., -1]
