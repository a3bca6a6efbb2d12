"""Holds the committed tools against the program that makes them, and their meshes against what a printer, a tracker
and a robot's flange need. Lengths are in mm unless named otherwise."""
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
import yaml
from manifold3d import Manifold, Mesh64
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "urdf" / "tools"
sys.path.insert(0, str(TOOLS))
import make_tools  # noqa: E402

NAMES = list(make_tools.PARTS)
SOLIDS = [f"{name}{kind}" for name in NAMES for kind in ("", "_mounted")]
MIN_WALL_MM = 2.0
RAYS = 4000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder with freshly made tools."""
    out = tmp_path_factory.mktemp("tools")
    for name in NAMES:
        make_tools.make(name, out)
    return out


def stl(solid):
    return trimesh.load(TOOLS / solid.removesuffix("_mounted") / f"{solid}.stl")


def dimensions(name):
    return make_tools.read_dimensions(TOOLS / name / "dimensions.yaml")


def first_hit(triangles, origins, directions):
    """The distance from each origin to the first triangle along its direction, or infinity (Moeller and Trumbore)."""
    a, ab, ac = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    nearest = np.full(len(origins), np.inf)
    for i, (origin, direction) in enumerate(zip(origins, directions)):
        p, q = np.cross(direction, ac), np.cross(origin - a, ab)
        det = np.einsum("ij,ij->i", ab, p)
        det[np.abs(det) < 1e-12] = np.nan  # Parallel to the triangle: no hit.
        u, v, t = np.einsum("ij,ij->i", origin - a, p) / det, q @ direction / det, np.einsum("ij,ij->i", ac, q) / det
        # Half a micrometre keeps a ray from the face that it starts on.
        t = t[(u >= 0) & (v >= 0) & (u + v <= 1) & (t > 5e-4)]
        nearest[i] = t.min(initial=np.inf)
    return nearest


def wall_thickness(mesh):
    """The way through the solid from points spread over its surface, along the inward normal."""
    points, face = trimesh.sample.sample_surface(mesh, RAYS, seed=1)
    # Large faces take most of the sample; every face gets a point as well.
    points = np.vstack([points, mesh.triangles_center])
    inward = -mesh.face_normals[np.concatenate([face, np.arange(len(mesh.faces))])]
    return first_hit(mesh.triangles, points, inward)


@pytest.mark.parametrize("name", NAMES)
def test_committed_files_are_what_the_program_makes(made, name):
    for kind in (".obj", ".mtl", ".stl", "_mounted.stl"):
        path = Path(name) / f"{name}{kind}"
        assert (TOOLS / path).read_bytes() == (made / path).read_bytes(), f"{path} is out of date"
    texture = Path(name) / f"{name}.png"
    assert np.array_equal(np.array(Image.open(TOOLS / texture)), np.array(Image.open(made / texture)))


@pytest.mark.parametrize("solid", SOLIDS)
def test_a_solid_is_one_closed_shell(solid):
    mesh = stl(solid)
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
    manifold = Manifold(Mesh64(np.array(mesh.vertices), np.array(mesh.faces, np.uint64)))
    assert len(manifold.decompose()) == 1


@pytest.mark.parametrize("solid", SOLIDS)
def test_no_wall_is_too_thin_to_print(solid):
    thickness = wall_thickness(stl(solid))
    assert np.all(np.isfinite(thickness)), "a ray leaves the solid through no wall"
    thinnest = thickness.min()
    assert thinnest >= MIN_WALL_MM, f"{solid} is {thinnest:.2f} mm thick somewhere"


def test_a_thin_wall_would_be_found():
    d = dimensions("scoop")
    d["bowl"] |= {"wall_mm": 1.5, "overlap_mm": 1.0}
    mesh = make_tools.union(make_tools.tracked_part(d), [make_tools.working_part(d)])
    thinnest = wall_thickness(trimesh.Trimesh(mesh.vertices, mesh.triangles)).min()
    assert 1.3 < thinnest <= 1.5 + 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_the_flange_plate_has_the_holes_of_iso_9409_1_50_4_m6(name):
    mesh = stl(f"{name}_mounted")
    top = mesh.bounds[1, 2]
    manifold = Manifold(Mesh64(np.array(mesh.vertices), np.array(mesh.faces, np.uint64)))
    for depth in (0.1, 5.9):
        rim, *holes = sorted(manifold.slice(top - depth).to_polygons(), key=lambda p: -np.ptp(p, axis=0).max())
        assert np.ptp(rim, axis=0) == pytest.approx([63, 63], abs=0.02)
        assert len(holes) == 4
        centre = (rim.min(axis=0) + rim.max(axis=0)) / 2
        for hole in holes:
            middle = hole.mean(axis=0)
            assert 2 * np.linalg.norm(hole - middle, axis=1) == pytest.approx(6.6, abs=0.01)
            assert 2 * np.linalg.norm(middle - centre) == pytest.approx(50, abs=0.01)
        angles = np.sort([np.degrees(np.arctan2(*(hole.mean(axis=0) - centre)[::-1])) for hole in holes])
        assert angles == pytest.approx([-135, -45, 45, 135], abs=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_the_configured_poses_are_those_of_the_meshes(name):
    config = yaml.safe_load((ROOT / "config" / "tools" / f"{name}.yaml").read_text())
    d = dimensions(name)
    assert config["track_part"] == make_tools.PARTS[name][0]
    for key, (xyz, rpy) in (
        ("flange_from_tool", make_tools.flange_from_tool(d)),
        ("tool_from_tcp", make_tools.tool_from_tcp(d)),
    ):
        assert config[key]["xyz_m"] == pytest.approx(xyz, abs=1e-6), key
        assert config[key]["rpy_rad"] == pytest.approx(rpy, abs=1e-9), key
    mesh = stl(f"{name}_mounted")
    measured = make_tools.measured_flange_from_tool(make_tools.Mesh(np.array(mesh.vertices), mesh.faces, None))
    assert config["flange_from_tool"]["xyz_m"] == pytest.approx(measured, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_working_point_is_on_the_tool(name):
    tcp = 1000 * np.array(make_tools.tool_from_tcp(dimensions(name))[0])
    mesh = stl(name)
    if name == "scoop":
        # The floor is below the middle of the rim, as deep as the dimensions say.
        assert first_hit(mesh.triangles, [tcp], np.array([[0.0, 0.0, -1.0]])) == pytest.approx([25.0], abs=0.01)
    else:
        assert mesh.bounds[0, 2] == pytest.approx(tcp[2], abs=1e-3)
        lowest = mesh.vertices[mesh.vertices[:, 2] < tcp[2] + 1e-3]
        assert (lowest.min(axis=0) + lowest.max(axis=0)) / 2 == pytest.approx(tcp, abs=1e-2)


@pytest.mark.parametrize("name", NAMES)
def test_the_textured_mesh_is_the_printed_one_in_two_named_parts(name):
    lines = [line.split() for line in (TOOLS / name / f"{name}.obj").read_text().splitlines()]
    assert tuple(line[1] for line in lines if line[0] == "o") == make_tools.PARTS[name]
    vertices = 1000 * np.array([line[1:] for line in lines if line[0] == "v"], float)
    faces = [[int(corner.split("/")[0]) - 1 for corner in line[1:]] for line in lines if line[0] == "f"]
    tracked = sum(line[0] == "f" for line in lines[: lines.index(["o", make_tools.PARTS[name][1]])])
    head = dimensions(name)["head"]
    # The tracked part is the head and the grip; of the other only what is outside the head is left.
    assert np.ptp(vertices[faces[:tracked]], axis=(0, 1)) == pytest.approx([130, 64, 36], abs=1e-3)
    others = vertices[faces[tracked:]]
    if name == "scoop":
        assert others[:, :, 0].min() >= head["length_mm"] / 2 - 2
    else:
        assert others[:, :, 2].max() <= -head["height_mm"] + 1e-3
    printed = stl(name)
    assert vertices.min(axis=0) == pytest.approx(printed.bounds[0], abs=1e-3)
    assert vertices.max(axis=0) == pytest.approx(printed.bounds[1], abs=1e-3)
    textured = trimesh.Trimesh(vertices, faces, process=False)
    assert textured.is_watertight and textured.is_winding_consistent
    assert textured.volume == pytest.approx(printed.volume, rel=1e-4)
    assert len(faces) < 4000
    for kind, limit in ((".png", 40_000), (".stl", 300_000), ("_mounted.stl", 300_000)):
        assert (TOOLS / name / f"{name}{kind}").stat().st_size < limit


@pytest.mark.parametrize("name", NAMES)
def test_each_plate_shows_its_whole_pattern(name):
    """The share of white on the mesh's plates is that of the pattern; other faces have their part's colour."""
    d = dimensions(name)
    tool = make_tools.union(make_tools.tracked_part(d), [make_tools.working_part(d)])
    texture, rows = make_tools.atlas(d)
    uv = make_tools.texture_coordinates(tool, d, texture, rows)
    mesh = trimesh.Trimesh(tool.vertices, tool.triangles, process=False)
    points, face = trimesh.sample.sample_surface(mesh, 20000, seed=2)
    weights = trimesh.triangles.points_to_barycentric(mesh.triangles[face], points)
    u, v = np.einsum("ij,ijk->ki", weights, uv[face])
    shown = texture[((1 - v) * texture.shape[0]).astype(int), (u * texture.shape[1]).astype(int)]
    white = np.all(shown == d["colours"]["plate_rgb"], axis=1)
    expected = np.zeros(len(points), bool)
    for plate in make_tools.plates(d):
        # Half a pixel of the texture is 0.125 mm; points so near an edge are left to either colour.
        on = np.abs(points[:, plate.axis] - plate.at_mm) < 1e-6
        a, b = points[:, plate.across], points[:, plate.up]
        expected |= on & inside(make_tools.inset(plate.outline, d["pattern"]["border_mm"]), a, b)
        for a0, a1, b0, b1 in plate.cells:
            expected &= ~(on & (a > a0) & (a < a1) & (b > b0) & (b < b1))
    assert white.sum() > 1000
    assert np.mean(white != expected) < 0.005
    plain = np.array([d["colours"]["body_rgb"], d["colours"]["work_rgb"]])[tool.part[face]]
    assert np.all(shown[~white] == plain[~white])


def inside(outline, a, b):
    """Whether the points (a, b) lie in a convex polygon that runs counter-clockwise."""
    ends = np.roll(outline, -1, axis=0)
    return np.all(
        [(q[0] - p[0]) * (b - p[1]) > (q[1] - p[1]) * (a - p[0]) for p, q in zip(outline, ends)], axis=0
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("elevation_deg, azimuths_deg", [(50, (-60, 0, 60)), (25, (-90, 90))])
def test_the_adapter_hides_no_plate_from_the_cameras(name, elevation_deg, azimuths_deg):
    """From in front above the top plate is seen whole, from each side that side's plate as well."""
    triangles = stl(f"{name}_mounted").triangles
    elevation = np.radians(elevation_deg)
    for azimuth in np.radians(azimuths_deg):
        to_camera = np.array(
            [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
        )
        for plate in make_tools.plates(dimensions(name)):
            if to_camera[plate.axis] * plate.sign < 0.1:
                continue
            points = np.zeros((len(plate.cells) * 4, 3))
            points[:, plate.axis] = plate.at_mm
            points[:, plate.across] = [a for a0, a1, _, _ in plate.cells for a in (a0, a0, a1, a1)]
            points[:, plate.up] = [u for _, _, u0, u1 in plate.cells for u in (u0, u1, u0, u1)]
            assert np.all(np.isinf(first_hit(triangles, points, np.tile(to_camera, (len(points), 1)))))


def pattern(name, key, pixels_per_mm=2):
    """A plate's cells [H, W], 1 in a cell and 0 between, over the bounding rectangle of the white plate."""
    d = dimensions(name)
    plate = next(plate for plate in make_tools.plates(d) if plate.key == key)
    low, high = plate.low() + d["pattern"]["border_mm"], plate.high() - d["pattern"]["border_mm"]
    width, height = np.rint((high - low) * pixels_per_mm).astype(int)
    image = np.zeros((height, width))
    for a0, a1, u0, u1 in plate.cells:
        left, right = np.rint((np.array([a0, a1]) - low[0]) * pixels_per_mm).astype(int)
        bottom, top = np.rint((np.array([u0, u1]) - low[1]) * pixels_per_mm).astype(int)
        image[bottom:top, left:right] = 1
    return image


def greatest_correlation(one, other, beyond_px):
    """The greatest correlation of two pictures of one size, one shifted against the other by more than `beyond_px`,
    of the shifts that leave at least half of the pictures in common."""
    height, width = one.shape
    greatest = -1.0
    for dy in range(-height, height + 1):
        for dx in range(-width, width + 1):
            common = (height - abs(dy)) * (width - abs(dx))
            if np.hypot(dx, dy) <= beyond_px or 2 * common < height * width:
                continue
            a = one[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
            b = other[max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
            greatest = max(greatest, np.corrcoef(a.ravel(), b.ravel())[0, 1])
    return greatest


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key, beyond_mm", [("top", 4), ("left", 8), ("right", 8)])
def test_no_shifted_pattern_resembles_itself(name, key, beyond_mm):
    cells = pattern(name, key)
    assert greatest_correlation(cells, cells, 2 * beyond_mm) < 0.6
    # Nor does it when turned by half a turn, at any shift.
    assert greatest_correlation(cells, cells[::-1, ::-1], -1) < 0.7


def test_a_row_of_equal_cells_would_be_found():
    cells = np.zeros((40, 120))
    cells[10:30] = np.arange(120) % 24 < 12
    assert greatest_correlation(cells, cells, 8) > 0.9


@pytest.mark.parametrize(
    "section, key, value, message",
    [
        ("bowl", "wall_mm", 1.5, r"bowl\.wall_mm is 1\.5, outside its limits: 2 to 5"),
        ("adapter", "plate_thickness_mm", 5, r"adapter\.plate_thickness_mm is 5, outside its limits: 6 to 15"),
        ("bowl", "overlap_mm", 3, r"bowl\.overlap_mm is 3, outside its limits: less than bowl\.wall_mm"),
        ("grip", "length_mm", 60, r"head\.length_mm \+ grip\.length_mm is 138"),
        ("head", "length_mm", None, r"head\.length_mm is None, not a number"),
        ("head", "lenght_mm", 78, r"head\.lenght_mm is not a known key"),
        ("colours", "body_rgb", None, r"colours\.body_rgb is None, not made of 3 numbers"),
        ("pattern", "left_cells_mm", [[0, 8, -20]], r"pattern\.left_cells_mm is .* not made of 4 numbers"),
        ("pattern", "top_cells_mm", [[0, 7, 0, 10]], r"pattern\.top_cells_mm\[0\] is 7 wide"),
        ("pattern", "left_cells_mm", [[0, 30, -20, -10]], r"pattern\.left_cells_mm\[0\] is off the white plate"),
    ],
)
def test_bad_dimensions_are_refused_by_key_value_and_limit(section, key, value, message):
    d = dimensions("scoop")
    d[section][key] = value
    with pytest.raises(make_tools.DimensionError, match=message):
        make_tools.check(d, "bowl")
