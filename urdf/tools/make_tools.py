#!/usr/bin/env python3
"""Makes the rigid hand tools (scoop, sweeper, pusher) from NAME/dimensions.yaml.

For each tool it writes NAME.obj, .mtl and .png (metres, textured, two objects: the tracked part, then the working
part), NAME.stl (mm, to print) and NAME_mounted.stl (mm, to print: with an adapter that ends in a flange plate,
ISO 9409-1-50-4-M6). Each solid is one closed manifold. The same dimensions give the same bytes.

A tool's frame: origin at the centre of the head's top face, on its surface; +x towards the front, +z out of the top
face, y = z cross x. The tracked part is a head with one front corner cut off, so that it looks alike from no two
sides, and behind it a grip for the hand.
"""
import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
import yaml
from manifold3d import CrossSection, JoinType, Manifold, OpType
from PIL import Image

HERE = Path(__file__).resolve().parent
PARTS = {"scoop": ("handle", "bowl"), "sweeper": ("body", "blade"), "pusher": ("body", "foot")}

# Every number of a dimensions.yaml with its least and greatest value.
HEAD_LIMITS = {
    "head.length_mm": (60, 100),
    "head.width_mm": (40, 80),
    "head.height_mm": (25, 50),
    "head.bevel_mm": (1, 8),
    "head.cut_corner_mm": (10, 30),
    "grip.length_mm": (40, 70),
    "grip.width_mm": (30, 50),
    "grip.height_mm": (20, 40),
    "grip.below_top_mm": (0, 10),
    "grip.bevel_mm": (1, 10),
    "pattern.border_mm": (1, 5),
    "pattern.pixels_per_mm": (2, 8),
    "adapter.flange_behind_mm": (100, 160),
    "adapter.flange_above_mm": (60, 120),
    "adapter.plate_diameter_mm": (63, 63),
    "adapter.plate_thickness_mm": (6, 15),
    "adapter.pitch_circle_diameter_mm": (50, 50),
    "adapter.hole_diameter_mm": (6.4, 7),
    # A washer of 12 mm beside the column.
    "adapter.column_diameter_mm": (24, 37),
    "adapter.arm_height_mm": (10, 30),
}
PART_LIMITS = {
    "bowl": {
        "bowl.length_mm": (40, 100),
        "bowl.rim_length_mm": (20, 90),
        "bowl.width_mm": (40, 80),
        "bowl.depth_mm": (15, 40),
        "bowl.wall_mm": (2, 5),
        "bowl.fillet_mm": (5, 15),
        "bowl.rim_below_top_mm": (5, 25),
        "bowl.overlap_mm": (0.5, 4),
    },
    "blade": {
        "blade.width_mm": (60, 160),
        "blade.thickness_mm": (2, 6),
        "blade.reach_mm": (20, 60),
        "blade.root_mm": (5, 20),
        "blade.ahead_mm": (-20, 25),
    },
    "foot": {
        "foot.width_mm": (20, 50),
        "foot.thickness_mm": (8, 20),
        "foot.reach_mm": (30, 80),
        "foot.root_mm": (5, 20),
        "foot.ahead_mm": (-20, 25),
    },
}
TRACKED_LENGTH_MM = (100, 130)
COLOURS = ("body_rgb", "plate_rgb", "work_rgb")
# Rows of the texture that a colour of plain faces has.
PLAIN_ROWS = 16
PLATES = ("top", "left", "right")
MIN_CELL_MM = 8.0
SPHERE_SEGMENTS = 32
CIRCLE_SEGMENTS = 64


class DimensionError(ValueError):
    """A dimension is missing, unknown or outside its limits."""


@dataclass(frozen=True)
class Mesh:
    """Vertices [N, 3] in mm, triangles [M, 3] counter-clockwise from outside, and each triangle's part, 0 or 1."""

    vertices: np.ndarray
    triangles: np.ndarray
    part: np.ndarray


@dataclass(frozen=True)
class Plate:
    """A flat face with a printed pattern.

    The face is the plane `axis` = `at_mm` with its normal along `sign`; `across` and `up` are the axes that the
    texture runs along, `outline` [N, 2] is the face's outline and `cells` are its rectangles
    [across_min, across_max, up_min, up_max], all in mm in the tool's frame.
    """

    key: str
    axis: int
    sign: int
    at_mm: float
    across: int
    up: int
    outline: np.ndarray
    cells: list

    def low(self):
        return self.outline.min(axis=0)

    def high(self):
        return self.outline.max(axis=0)


# --- dimensions ---


def read_dimensions(path):
    """Returns the checked content of a dimensions.yaml, whose folder names the tool."""
    path = Path(path)
    if path.parent.name not in PARTS:
        raise DimensionError(f"{path}: no tool is called {path.parent.name}; there are {', '.join(PARTS)}")
    d = yaml.safe_load(path.read_text())
    try:
        check(d, PARTS[path.parent.name][1])
    except DimensionError as error:
        raise DimensionError(f"{path}: {error}") from None
    return d


def check(d, part):
    """Refuses dimensions from which no sound tool can be made; `part` is the name of the working part."""
    limits = HEAD_LIMITS | PART_LIMITS[part]
    for key, (low, high) in limits.items():
        value = look_up(d, key)
        if not isinstance(value, (int, float)):
            raise DimensionError(f"{key} is {value}, not a number")
        require(low <= value <= high, key, value, f"{low} to {high}")
    others = {f"colours.{name}": 3 for name in COLOURS} | {f"pattern.{name}_cells_mm": 4 for name in PLATES}
    for section, content in d.items():
        for name in content:
            if f"{section}.{name}" not in limits | others:
                raise DimensionError(f"{section}.{name} is not a known key")
    for key, length in others.items():
        rows = look_up(d, key)
        rows = [rows] if length == 3 else rows
        if not (isinstance(rows, list) and all(isinstance(row, list) and len(row) == length for row in rows)):
            raise DimensionError(f"{key} is {look_up(d, key)}, not made of {length} numbers")
    check_relations(d)
    for plate in plates(d):
        check_cells(plate, d["pattern"]["border_mm"])


def look_up(d, key):
    """The value of a key such as `head.length_mm`, or None."""
    section, name = key.split(".")
    return (d.get(section) or {}).get(name)


def require(holds, key, value, limit):
    if not holds:
        raise DimensionError(f"{key} is {value}, outside its limits: {limit}")


def check_relations(d):
    """Checks the dimensions that bound one another."""
    head, grip = d["head"], d["grip"]
    length = head["length_mm"] + grip["length_mm"]
    low, high = TRACKED_LENGTH_MM
    require(low <= length <= high, "head.length_mm + grip.length_mm", length, f"{low} to {high}")
    bottom = grip["below_top_mm"] + grip["height_mm"]
    require(bottom <= head["height_mm"], "grip.below_top_mm + grip.height_mm", bottom, "at most head.height_mm")
    require(grip["width_mm"] < head["width_mm"], "grip.width_mm", grip["width_mm"], "less than head.width_mm")
    for part in {"blade", "foot"} & d.keys():
        ahead, uncut = d[part]["ahead_mm"], head["length_mm"] / 2 - head["cut_corner_mm"]
        require(ahead <= uncut, f"{part}.ahead_mm", ahead, f"at most {uncut}, behind the cut corner")
    if "bowl" in d:
        bowl = d["bowl"]
        require(bowl["overlap_mm"] < bowl["wall_mm"], "bowl.overlap_mm", bowl["overlap_mm"], "less than bowl.wall_mm")
        radius = bowl["fillet_mm"] + bowl["wall_mm"]
        require(bowl["depth_mm"] > radius, "bowl.depth_mm", bowl["depth_mm"], f"more than {radius}")
        rim = bowl["rim_length_mm"]
        require(rim < bowl["length_mm"], "bowl.rim_length_mm", rim, "less than bowl.length_mm")


def check_cells(plate, border_mm):
    """Checks that each cell lies on the white plate and is large enough to be seen."""
    white = inset(plate.outline, border_mm)
    for i, (a0, a1, u0, u1) in enumerate(plate.cells):
        key = f"pattern.{plate.key}_cells_mm[{i}]"
        side = min(a1 - a0, u1 - u0)
        require(side >= MIN_CELL_MM, key, f"{side} wide", f"at least {MIN_CELL_MM}")
        cell = CrossSection([[(a0, u0), (a1, u0), (a1, u1), (a0, u1)]])
        outside = (cell - CrossSection([white])).area()
        require(outside < 1e-6, key, f"off the white plate by {outside:.1f} mm2", "on the plate")


# --- solids, all in mm in the tool's frame ---


def inset(outline, by_mm):
    """Moves the sides of a convex polygon [N, 2] inwards."""
    return CrossSection([outline]).offset(-by_mm, JoinType.Miter, 4.0).to_polygons()[0]


def bevelled_prism(outline, top_mm, height_mm, bevel_mm):
    """The upright prism over a convex polygon, its upper and lower edges bevelled at 45 degrees."""
    narrow = inset(outline, bevel_mm)
    bottom_mm = top_mm - height_mm
    layers = ((narrow, top_mm), (outline, top_mm - bevel_mm), (outline, bottom_mm + bevel_mm), (narrow, bottom_mm))
    return Manifold.hull_points(np.vstack([np.column_stack([p, np.full(len(p), z)]) for p, z in layers]))


def box(low, high):
    low, high = np.asarray(low, float), np.asarray(high, float)
    return Manifold.cube(high - low).translate(low)


def sphere(radius_mm, centre):
    return Manifold.sphere(radius_mm, SPHERE_SEGMENTS).translate(centre)


def cylinder(diameter_mm, x, y, bottom_mm, top_mm):
    upright = Manifold.cylinder(top_mm - bottom_mm, diameter_mm / 2, circular_segments=CIRCLE_SEGMENTS)
    return upright.translate((x, y, bottom_mm))


def head_outline(head):
    """The head's outline from above [7 or 8, 2]: a bevelled rectangle whose front left corner is cut off."""
    x, y, b, c = head["length_mm"] / 2, head["width_mm"] / 2, head["bevel_mm"], head["cut_corner_mm"]
    corners = [(x - b, -y), (x, -y + b), (x, y - c), (x - c, y), (-x + b, y), (-x, y - b), (-x, -y + b), (-x + b, -y)]
    return np.array(corners, float)


def grip_outline(d):
    """The grip's outline from above: a bevelled rectangle that ends inside the head."""
    back = -d["head"]["length_mm"] / 2 - d["grip"]["length_mm"]
    front = -d["head"]["length_mm"] / 2 + 2 * d["grip"]["bevel_mm"]
    y, b = d["grip"]["width_mm"] / 2, d["grip"]["bevel_mm"]
    return np.array([(front, -y), (front, y), (back + b, y), (back, y - b), (back, -y + b), (back + b, -y)], float)


def tracked_part(d):
    """The solids of the head and of the grip."""
    head, grip = d["head"], d["grip"]
    return [
        bevelled_prism(head_outline(head), 0.0, head["height_mm"], head["bevel_mm"]),
        bevelled_prism(grip_outline(d), -grip["below_top_mm"], grip["height_mm"], grip["bevel_mm"]),
    ]


def bowl_extent(d):
    """x of the bowl's back, of its rim's front end and of its lip; z of its rim and of its lowest point."""
    bowl = d["bowl"]
    back = d["head"]["length_mm"] / 2 - bowl["overlap_mm"]
    rim = -bowl["rim_below_top_mm"]
    return back, back + bowl["rim_length_mm"], back + bowl["length_mm"], rim, rim - bowl["depth_mm"] - bowl["wall_mm"]


def bowl(d):
    """A trough with a rounded bottom and back, open above and in front.

    Its sides fall from the rim to the lip, where the cut is upright, so that no edge is thinner than the wall.
    """
    b = d["bowl"]
    back, rim_end, lip, rim, bottom = bowl_extent(d)
    outer = b["fillet_mm"] + b["wall_mm"]
    y = b["width_mm"] / 2 - outer
    centres = [
        (x, side * y, z) for x in (back + outer, lip + outer) for side in (-1, 1) for z in (bottom + outer, rim + outer)
    ]
    shell = Manifold.batch_hull([sphere(outer, c) for c in centres])
    shell -= Manifold.batch_hull([sphere(b["fillet_mm"], c) for c in centres])
    profile = [(back - 1, bottom - 1), (lip, bottom - 1), (lip, bottom + outer), (rim_end, rim), (back - 1, rim)]
    side_view = CrossSection([profile]).extrude(b["width_mm"] + 2).rotate((90, 0, 0))
    return shell ^ side_view.translate((0, b["width_mm"] / 2 + 1, 0))


def blade(d):
    """An upright plate across the tool, with a root inside the head."""
    b, bottom = d["blade"], -d["head"]["height_mm"]
    x0, x1 = b["ahead_mm"] - b["thickness_mm"] / 2, b["ahead_mm"] + b["thickness_mm"] / 2
    y, root = b["width_mm"] / 2, d["head"]["width_mm"] / 2 - 2 * d["head"]["bevel_mm"]
    plate = box((x0, -y, bottom - b["reach_mm"]), (x1, y, bottom))
    return plate + box((x0, -root, bottom - 1), (x1, root, bottom + b["root_mm"]))


def foot(d):
    """An upright bar with round sides and a round tip, its root inside the head."""
    f, bottom = d["foot"], -d["head"]["height_mm"]
    r = f["thickness_mm"] / 2
    y = f["width_mm"] / 2 - r
    heights = (bottom - f["reach_mm"] + r, bottom + f["root_mm"] - r)
    return Manifold.batch_hull([sphere(r, (f["ahead_mm"], side * y, z)) for side in (-1, 1) for z in heights])


def adapter(d):
    """A column behind the grip, an arm from it into the grip, and the flange plate above, clear of the pattern."""
    a = d["adapter"]
    x, top = -a["flange_behind_mm"], a["flange_above_mm"]
    under = top - a["plate_thickness_mm"]
    grip_back = -d["head"]["length_mm"] / 2 - d["grip"]["length_mm"]
    middle = -d["grip"]["below_top_mm"] - d["grip"]["height_mm"] / 2
    z0, z1 = middle - a["arm_height_mm"] / 2, middle + a["arm_height_mm"] / 2
    y = a["column_diameter_mm"] / 2
    arm = Manifold.batch_hull(
        [
            cylinder(a["column_diameter_mm"], x, 0, z0, z1),
            box((grip_back, -y, z0), (grip_back + 2 * d["grip"]["bevel_mm"], y, z1)),
        ]
    )
    solid = arm + cylinder(a["column_diameter_mm"], x, 0, z0, top) + cylinder(a["plate_diameter_mm"], x, 0, under, top)
    for turn in range(4):
        angle = math.pi / 4 + turn * math.pi / 2
        hole_x = x + a["pitch_circle_diameter_mm"] / 2 * math.cos(angle)
        hole_y = a["pitch_circle_diameter_mm"] / 2 * math.sin(angle)
        solid -= cylinder(a["hole_diameter_mm"], hole_x, hole_y, under - 1, top + 1)
    return solid


WORKING_PART = {"bowl": bowl, "blade": blade, "foot": foot}


def working_part(d):
    """The solid of the part that touches things."""
    return next(make(d) for name, make in WORKING_PART.items() if name in d)


def union(tracked, working):
    """Unites two lists of solids; the triangles remember which list they come from. Vertices are rounded to 1 um."""
    originals = [[s.as_original() for s in solids] for solids in (tracked, working)]
    whole = Manifold.batch_boolean([s for solids in originals for s in solids], OpType.Add)
    mesh = whole.to_mesh64()
    from_working = {s.original_id() for s in originals[1]}
    lengths = np.diff(mesh.run_index) // 3
    part = np.repeat([int(i in from_working) for i in mesh.run_original_id], lengths)
    rounded = np.round(np.asarray(mesh.vert_properties)[:, :3], 3) + 0.0
    vertices, index = np.unique(rounded, axis=0, return_inverse=True)
    triangles = index.reshape(-1)[np.asarray(mesh.tri_verts)]
    kept = [len(set(t)) == 3 for t in triangles.tolist()]
    return Mesh(vertices, triangles[kept], part[kept])


# --- poses ---


def flange_from_tool(d):
    """The tool's frame in the flange's, whose origin is the flange plate's face and whose z points out of the flange,
    which is down: (xyz in m, rpy in rad)."""
    a = d["adapter"]
    return [a["flange_behind_mm"] / 1000, 0.0, a["flange_above_mm"] / 1000], [math.pi, 0.0, 0.0]


def tool_from_tcp(d):
    """The working point in the tool's frame, with parallel axes: (xyz in m, rpy in rad)."""
    if "bowl" in d:
        back, _, lip, rim, _ = bowl_extent(d)
        x, z = (back + lip) / 2, rim
    else:
        part = d["blade"] if "blade" in d else d["foot"]
        x, z = part["ahead_mm"], -d["head"]["height_mm"] - part["reach_mm"]
    return [round(x / 1000, 6), 0.0, round(z / 1000, 6)], [0.0, 0.0, 0.0]


def measured_flange_from_tool(mounted):
    """The translation of `flange_from_tool`, in m, measured on a mounted tool, whose highest face is the flange's."""
    top = mounted.vertices[mounted.vertices[:, 2] > mounted.vertices[:, 2].max() - 1e-3]
    x, y = (top[:, :2].min(axis=0) + top[:, :2].max(axis=0)) / 2
    # The inverse of a turn by pi about x at (x, y, z) has the translation (-x, y, z).
    return np.array([-x, y, top[:, 2].max()]) / 1000


# --- pattern ---


def plates(d):
    """The three printed faces of the head: its top and its two long sides."""
    head, cells = d["head"], d["pattern"]
    x, y, b = head["length_mm"] / 2, head["width_mm"] / 2, head["bevel_mm"]
    low, high = b - head["height_mm"], -b

    def side(key, sign, front):
        outline = np.array([(b - x, low), (front, low), (front, high), (b - x, high)])
        return Plate(key, 1, sign, sign * y, 0, 2, outline, cells[f"{key}_cells_mm"])

    top = Plate("top", 2, 1, 0.0, 0, 1, np.asarray(inset(head_outline(head), b)), cells["top_cells_mm"])
    return [top, side("left", 1, x - head["cut_corner_mm"]), side("right", -1, x - b)]


def plate_image(plate, d):
    """The picture [H, W, RGB] of a plate's bounding rectangle; `up` runs upwards, `across` to the right."""
    scale, low = d["pattern"]["pixels_per_mm"], plate.low()
    width, height = np.ceil((plate.high() - low) * scale).astype(int)
    # Pixel centres in mm; the first row is the uppermost.
    across = low[0] + (np.arange(width) + 0.5) / scale
    up = (low[1] + (np.arange(height) + 0.5) / scale)[::-1, None]
    white = np.ones((height, width), bool)
    corners = inset(plate.outline, d["pattern"]["border_mm"])
    for (a0, u0), (a1, u1) in zip(corners, np.roll(corners, -1, axis=0)):
        white &= (a1 - a0) * (up - u0) > (u1 - u0) * (across - a0)
    for a0, a1, u0, u1 in plate.cells:
        white &= (across < a0) | (across > a1) | (up < u0) | (up > u1)
    return np.where(white[..., None], *(np.array(d["colours"][c], np.uint8) for c in ("plate_rgb", "body_rgb")))


def atlas(d):
    """The texture [H, W, RGB] with the plates one below the other, and the first row of each. The rest has the body's
    colour, but for the last rows, which have the working part's."""
    images = [plate_image(plate, d) for plate in plates(d)]
    rows = np.cumsum([0] + [len(i) for i in images])
    texture = np.empty((rows[-1] + 2 * PLAIN_ROWS, max(i.shape[1] for i in images), 3), np.uint8)
    texture[:] = d["colours"]["body_rgb"]
    texture[-PLAIN_ROWS:] = d["colours"]["work_rgb"]
    for row, image in zip(rows, images):
        texture[row : row + len(image), : image.shape[1]] = image
    return texture, rows[:-1]


def texture_coordinates(mesh, d, texture, rows):
    """The texture coordinates [M, 3, 2] of each triangle's corners, v upwards."""
    height, width = texture.shape[:2]
    scale = d["pattern"]["pixels_per_mm"]
    corners = mesh.vertices[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    uv = np.empty((len(corners), 3, 2))
    uv[:] = (0.5, 1.5 * PLAIN_ROWS / height)
    uv[mesh.part == 1] = (0.5, 0.5 * PLAIN_ROWS / height)
    for plate, row in zip(plates(d), rows):
        on_plane = np.abs(corners[:, :, plate.axis] - plate.at_mm).max(axis=1) < 1e-3
        on_plate = (mesh.part == 0) & on_plane & (normals[:, plate.axis] * plate.sign > 0.999)
        across = corners[on_plate][:, :, plate.across] - plate.low()[0]
        down = plate.high()[1] - corners[on_plate][:, :, plate.up]
        uv[on_plate] = np.stack([across * scale / width, 1 - (row + down * scale) / height], axis=-1)
    return uv


# --- files ---


def obj_text(name, mesh, uv):
    """The OBJ file, in metres."""
    coordinates, index = np.unique(np.round(uv.reshape(-1, 2), 6), axis=0, return_inverse=True)
    index = index.reshape(-1, 3)
    lines = [
        f"# Made by make_tools.py from {name}/dimensions.yaml. Units: metres.",
        "# Origin: centre of the head's top face, on its surface. +x: front, +z: out of the top face, +y = z cross x.",
        f"mtllib {name}.mtl",
    ]
    lines += ["v {:.6f} {:.6f} {:.6f}".format(*(v / 1000 + 0.0)) for v in mesh.vertices]
    lines += ["vt {:.6f} {:.6f}".format(*c) for c in coordinates]
    for part, part_name in enumerate(PARTS[name]):
        lines += [f"o {part_name}", "usemtl tool"]
        for corner, texture in zip(mesh.triangles[mesh.part == part] + 1, index[mesh.part == part] + 1):
            lines.append("f " + " ".join(f"{v}/{t}" for v, t in zip(corner, texture)))
    return "\n".join(lines) + "\n"


def stl_bytes(mesh):
    return trimesh.Trimesh(mesh.vertices, mesh.triangles, process=False).export(file_type="stl")


def make(name, out):
    """Writes one tool's files to the folder out/NAME and returns its two meshes: by hand and mounted."""
    d = read_dimensions(HERE / name / "dimensions.yaml")
    tool = union(tracked_part(d), [working_part(d)])
    mounted = union(tracked_part(d), [working_part(d), adapter(d)])
    off = np.abs(measured_flange_from_tool(mounted) - flange_from_tool(d)[0]).max()
    if off > 1e-5:
        raise DimensionError(f"{name}: the mounted mesh's flange is {off} m from flange_from_tool")
    texture, rows = atlas(d)
    folder = Path(out) / name
    folder.mkdir(parents=True, exist_ok=True)
    uv = texture_coordinates(tool, d, texture, rows)
    (folder / f"{name}.obj").write_text(obj_text(name, tool, uv))
    (folder / f"{name}.mtl").write_text(f"newmtl tool\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nmap_Kd {name}.png\n")
    Image.fromarray(texture).save(folder / f"{name}.png", optimize=True)
    (folder / f"{name}.stl").write_bytes(stl_bytes(tool))
    (folder / f"{name}_mounted.stl").write_bytes(stl_bytes(mounted))
    return tool, mounted


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PARTS)}; all unless named")
    parser.add_argument("--out", type=Path, default=HERE, help="the folder to write to (default: beside this program)")
    arguments = parser.parse_args()
    for name in arguments.names or PARTS:
        try:
            tool, mounted = make(name, arguments.out)
        except DimensionError as error:
            parser.error(str(error))
        d = read_dimensions(HERE / name / "dimensions.yaml")
        print(f"{name}: {len(tool.triangles)} triangles, mounted {len(mounted.triangles)}")
        for key, (xyz, rpy) in (("flange_from_tool", flange_from_tool(d)), ("tool_from_tcp", tool_from_tcp(d))):
            print(f"  {key}: {{xyz_m: {xyz}, rpy_rad: {rpy}}}")


if __name__ == "__main__":
    main()
