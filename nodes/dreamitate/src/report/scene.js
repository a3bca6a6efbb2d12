// ---- The 3D scene: a painter's algorithm on a 2D canvas ----------------------------------------------------------------

const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const subtract = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const scaled = (a, factor) => [a[0] * factor, a[1] * factor, a[2] * factor];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = (a) => scaled(a, 1 / (Math.hypot(...a) || 1));
const mix = (a, b, share) => add(a, scaled(subtract(b, a), share));

/** A vector turned by a unit quaternion given as x, y, z, w. */
function rotated(vector, [x, y, z, w]) {
  const twice = scaled(cross([x, y, z], vector), 2);
  return add(add(vector, scaled(twice, w)), cross([x, y, z], twice));
}
const placed = (point, pose) => add(rotated(point, pose.quaternion_xyzw), pose.position_m);

const eye = { azimuth_rad: -1.05, elevation_rad: 0.5, distance_m: 2, target_m: [0, 0, 0.1] };

/** Perspective of the orbiting eye: world point to [x_px, y_px, depth_m]. */
function projection(width, height) {
  const back = [Math.cos(eye.azimuth_rad) * Math.cos(eye.elevation_rad), Math.sin(eye.azimuth_rad) * Math.cos(eye.elevation_rad), Math.sin(eye.elevation_rad)];
  const right = [-Math.sin(eye.azimuth_rad), Math.cos(eye.azimuth_rad), 0], up = cross(back, right);
  const position = add(eye.target_m, scaled(back, eye.distance_m)), focal_px = 1.25 * Math.min(height, 0.75 * width);
  const project = (point) => {
    const offset = subtract(point, position), depth = -dot(offset, back);
    return [width / 2 + focal_px * dot(offset, right) / depth, height / 2 - focal_px * dot(offset, up) / depth, depth];
  };
  return { project, focal_px, position, right, up };
}

/** Collects shapes in world metres, then paints them from far to near. */
function makePainter(context, { project, focal_px }) {
  const shapes = [];
  const NEAR_M = 0.03;
  const add3d = (points, bias_m, paint) => {
    if (points.some((point) => !(point[2] > NEAR_M))) return;
    shapes.push({ depth_m: points.reduce((sum, point) => sum + point[2], 0) / points.length - bias_m, paint });
  };
  const stroke = (points, { color: strokeStyle, width: lineWidth = 1.5, dash = [], alpha: globalAlpha = 1 }) => {
    Object.assign(context, { strokeStyle, lineWidth, globalAlpha, lineCap: dash.length ? "butt" : "round", lineJoin: "round" });
    context.setLineDash(dash);
    tracePath(context, points);
    context.stroke();
    Object.assign(context, { globalAlpha: 1 }).setLineDash([]);
  };
  /** Fills; an opaque shape is also stroked thinly, which closes the seams between neighbours. */
  const fill = (points, color, seam_px, alpha = 1) => {
    Object.assign(context, { fillStyle: color, strokeStyle: color, lineWidth: seam_px, globalAlpha: alpha });
    tracePath(context, points, true);
    context.fill();
    if (alpha === 1) context.stroke();
    context.globalAlpha = 1;
  };
  return {
    line(points, style) {
      const projected = points.map(project);
      add3d(projected, style.bias_m ?? 0, () => stroke(projected, style));
    },
    polygon(points, color, alpha = 1, bias_m = 0) {
      const projected = points.map(project);
      add3d(projected, bias_m, () => fill(projected, color, 0.6, alpha));
    },
    /** A tube of a radius in metres, cut in pieces so that it sorts against what it passes. */
    tube(from, to, radius_m, { body, edge, lit }) {
      const pieces = Math.ceil(Math.hypot(...subtract(to, from)) / 0.06);
      for (let piece = 0; piece < pieces; piece++) {
        const ends = [mix(from, to, piece / pieces), mix(from, to, (piece + 1) / pieces)].map(project), [[ax, ay], [bx, by]] = ends;
        const length = Math.hypot(bx - ax, by - ay) || 1, side = [(ay - by) / length, (bx - ax) / length];
        /** The tube's line at a share of its half width, −1 to 1 across it. */
        const along = (share) => ends.map(([x, y, depth]) => { const off = share * Math.max(radius_m * focal_px / depth, 0.8); return [x + side[0] * off, y + side[1] * off]; });
        const strip = (low, high, color) => fill([...along(low), ...along(high).reverse()], color, 0.8);
        add3d(ends, 0, () => {
          strip(-1, 1, body); strip(-0.55, -0.1, lit);
          for (const share of [-1, 1]) stroke(along(share), { color: edge, width: 1 });
        });
      }
    },
    ball(center, radius_m, color, hollow = false, bias_m = 0.01) {
      const projected = [project(center)], [x, y, depth] = projected[0], radius = Math.max(radius_m * focal_px / depth, 1.5);
      add3d(projected, bias_m, () => {
        context.beginPath(); context.arc(x, y, radius, 0, 2 * Math.PI);
        if (hollow) { context.strokeStyle = color; context.lineWidth = 1.5; context.stroke(); return; }
        const shade = context.createRadialGradient(x - radius * 0.35, y - radius * 0.4, radius * 0.1, x, y, radius);
        shade.addColorStop(0, "#ffffffaa"); shade.addColorStop(0.5, "#ffffff00"); shade.addColorStop(1, "#00000055");
        context.fillStyle = color; context.fill(); context.fillStyle = shade; context.fill();
      });
    },
    text(point, label, color) {
      const projected = [project(point)], [x, y] = projected[0];
      add3d(projected, 0.3, () => { context.font = `11px ${getStyle("--mono")}`; context.fillStyle = color; context.fillText(label, x + 12, y - 5); });
    },
    axes(pose, length_m, width, alpha = 1) {
      AXIS_COLORS.forEach((color, axis) => {
        const tip = placed([0, 1, 2].map((index) => index === axis ? length_m : 0), pose);
        this.line([pose.position_m, tip], { color, width, alpha, bias_m: 0.12 });
      });
    },
    finish() { shapes.sort((a, b) => b.depth_m - a.depth_m).forEach((shape) => shape.paint()); },
  };
}

function drawTable(context, { project }) {
  const lines = [];
  for (let step = -10; step <= 10; step++) lines.push([[step / 10, -1, 0], [step / 10, 1, 0]], [[-1, step / 10, 0], [1, step / 10, 0]]);
  context.strokeStyle = getStyle("--grid");
  for (const ends of lines) for (let piece = 0; piece < 8; piece++) {
    const cut = [mix(...ends, piece / 8), mix(...ends, (piece + 1) / 8)], projected = cut.map(project);
    if (projected.some((point) => point[2] < 0.05)) continue;
    context.globalAlpha = clamp(1.15 - Math.hypot(...mix(...cut, 0.5)), 0, 1);
    context.lineWidth = cut[0][0] === 0 && cut[1][0] === 0 || cut[0][1] === 0 && cut[1][1] === 0 ? 1.8 : 0.8;
    tracePath(context, projected); context.stroke();
  }
  context.globalAlpha = 1;
}

/** Shadows straight down on the table: the cheapest cue for height. Opaque, so that overlaps do not darken. */
function drawShadows(context, { project, focal_px }, triangles, polylines) {
  const onTable = (points) => points.map(([x, y]) => project([x, y, 0])), ahead = (points) => points.every((point) => point[2] > 0.05);
  context.fillStyle = context.strokeStyle = getStyle("--shadow");
  context.lineCap = context.lineJoin = "round";
  for (const shape of triangles.map(onTable).filter(ahead)) { tracePath(context, shape, true); context.fill(); }
  for (const shape of polylines.map(onTable).filter(ahead)) {
    context.lineWidth = 0.055 * focal_px / shape[0][2];
    tracePath(context, shape); context.stroke();
  }
}

const shadedColor = (hex, brightness) =>
  `rgb(${[1, 3, 5].map((start) => Math.round(clamp(parseInt(hex.slice(start, start + 2), 16) * brightness, 0, 255))).join(" ")})`;

/** A mesh whose triangles have no edge above a length, since a painter's order is only right among small triangles. */
function subdivided(mesh, longest_m) {
  const vertices = [...(mesh?.vertices ?? [])], triangles = [], colors = [], LARGEST_COUNT = 6000;
  const split = ([a, b, c], color, depth) => {
    const edges = [[a, b, c], [b, c, a], [c, a, b]].map((corners) => [Math.hypot(...subtract(vertices[corners[1]], vertices[corners[0]])), corners]);
    const [length_m, [from, to, opposite]] = edges.reduce((longest, edge) => edge[0] > longest[0] ? edge : longest);
    if (!(length_m > longest_m) || depth === 0 || triangles.length > LARGEST_COUNT) { triangles.push([a, b, c]); colors.push(color); return; }
    const middle = vertices.push(mix(vertices[from], vertices[to], 0.5)) - 1;
    split([from, middle, opposite], color, depth - 1);
    split([middle, to, opposite], color, depth - 1);
  };
  (mesh?.triangles ?? []).forEach((corners, index) => split(corners, mesh.colors?.[index] ?? "#9aa3ad", 9));
  // The sign of the volume tells which side of a triangle is outside, whichever way round the mesh was made.
  const volume = triangles.reduce((sum, [a, b, c]) => sum + dot(vertices[a], cross(vertices[b], vertices[c])), 0);
  return { vertices, triangles, colors, outward: Math.sign(volume) };
}
const meshes = tools.map((tool) => subdivided(tool.mesh, 0.05));

/** Triangles of a tool's mesh in world with their shaded colours; those seen from inside sort behind the rest. */
function meshInWorld(mesh, pose, eyePosition) {
  const INSIDE_BIAS_M = -0.06;
  const vertices = mesh.vertices.map((vertex) => placed(vertex, pose)), light = unit([0.35, -0.4, 0.85]);
  return mesh.triangles.map((corners, index) => {
    const points = corners.map((corner) => vertices[corner]);
    const normal = unit(cross(subtract(points[1], points[0]), subtract(points[2], points[0])));
    const bias_m = mesh.outward * dot(normal, subtract(eyePosition, points[0])) < 0 ? INSIDE_BIAS_M : 0;
    return { points, bias_m, color: shadedColor(mesh.colors[index], 0.55 + 0.5 * Math.abs(dot(normal, light))) };
  });
}

function drawTracks(painter, tool, index) {
  const color = tool.color, fused = (tool.fused ?? []).filter((pose) => pose.position_m);
  if (!state.hidden.has("tracks")) for (const track of Object.values(tool.view_tracks ?? {}))
    if (track.length > 1) painter.line(track.map((entry) => entry.position_m), { color, width: 1.2, alpha: 0.35, bias_m: 0.1 });
  if (!state.hidden.has("truth") && tool.truth?.length > 1)
    painter.line(tool.truth.map((pose) => pose.position_m), { color: getStyle("--ink"), width: 1.4, dash: [5, 4], bias_m: 0.12 });
  if (state.hidden.has("fused")) return;
  for (let entry = 1; entry < fused.length; entry++) {
    const whole = fused[entry - 1].accepted && fused[entry].accepted && fused[entry].frame === fused[entry - 1].frame + 1;
    painter.line([fused[entry - 1].position_m, fused[entry].position_m], { color, width: whole ? 2.6 : 1.4, dash: whole ? [] : [2, 4], bias_m: 0.11 });
  }
  for (const pose of fused) if (pose.accepted) painter.axes(pose, 0.018, 1.3, 0.8); else painter.ball(pose.position_m, 0.007, color, true, 0.13);
  const now = fusedAt[index].get(state.frame);
  if (now?.position_m) {
    painter.line([now.position_m, [now.position_m[0], now.position_m[1], 0]], { color, width: 1, dash: [2, 3] });
    painter.axes(now, 0.06, 2.6);
  }
}

function drawArm(painter, arm, sample) {
  const origins = arm.links?.[sample] ?? [], color = colorOfTool(arm.tool);
  const shades = { body: getStyle("--link"), edge: getStyle("--link-edge"), lit: getStyle("--link-lit") };
  for (let link = 1; link < origins.length; link++) painter.tube(origins[link - 1], origins[link], 0.021, shades);
  for (const origin of origins) painter.ball(origin, 0.025, color, false, 0.03);
  const tip = arm.tool_position_m?.[sample];
  if (!tip || !origins.length) return;
  painter.tube(origins.at(-1), tip, 0.008, shades);
  painter.ball(tip, 0.009, color, false, 0.14);
  if (arm.tool_quaternion_xyzw?.[sample]) painter.axes({ position_m: tip, quaternion_xyzw: arm.tool_quaternion_xyzw[sample] }, 0.045, 1.6, 0.8);
  painter.text(add(origins[0], [0, 0, 0.04]), `${arm.name} arm`, getStyle("--muted"));
}

function drawCamera(painter, camera) {
  const color = getStyle("--muted"), depth_m = 0.09;
  const corners = [[-0.6, -0.35], [0.6, -0.35], [0.6, 0.35], [-0.6, 0.35]].map(([x, y]) => placed([x * depth_m, y * depth_m, depth_m], camera));
  corners.forEach((corner, index) => {
    painter.line([camera.position_m, corner], { color, width: 1.2 });
    painter.line([corner, corners[(index + 1) % 4]], { color, width: 1.2 });
  });
  painter.polygon(corners, color, 0.15);
  painter.text(camera.position_m, camera.name, color);
}

function drawScene() {
  const canvas = byId("scene"), width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width) return;
  const context = openCanvas(canvas, width, height), perspective = projection(width, height), painter = makePainter(context, perspective);
  const samples = arms.map((arm) => indexAt(arm.time_s, state.time_s + 1e-9));
  const standing = tools.map((tool, index) => {
    const pose = fusedAt[index].get(state.frame);
    return pose?.position_m && !state.hidden.has("meshes") ? { pose, tool, triangles: meshInWorld(meshes[index], pose, perspective.position) } : null;
  }).filter(Boolean);
  const armShown = !state.hidden.has("arms");
  drawShadows(context, perspective, standing.flatMap(({ tool, pose }) => {
    const vertices = (tool.mesh?.vertices ?? []).map((vertex) => placed(vertex, pose));
    return (tool.mesh?.triangles ?? []).map((corners) => corners.map((corner) => vertices[corner]));
  }),
    armShown ? arms.map((arm, index) => arm.links?.[samples[index]] ?? []).filter((links) => links.length) : []);
  drawTable(context, perspective);
  for (const mesh of standing) for (const { points, color, bias_m } of mesh.triangles) painter.polygon(points, color, mesh.pose.accepted ? 1 : 0.45, bias_m);
  tools.forEach((tool, index) => drawTracks(painter, tool, index));
  arms.forEach((arm, index) => {
    const path = arm.tool_position_m ?? [];
    if (armShown) drawArm(painter, arm, samples[index]);
    if (!state.hidden.has("paths")) for (let start = 0; start + 1 < path.length; start += 12)
      painter.line(path.slice(start, start + 13), { color: colorOfTool(arm.tool), width: 1.2, alpha: 0.75, dash: [1, 3], bias_m: 0.1 });
  });
  if (!state.hidden.has("cameras")) for (const camera of report.cameras ?? []) drawCamera(painter, camera);
  painter.axes({ position_m: [0, 0, 0], quaternion_xyzw: [0, 0, 0, 1] }, 0.1, 2);
  painter.text([0, 0, 0], "world", getStyle("--muted"));
  painter.finish();
  context.font = `11px ${getStyle("--mono")}`; context.fillStyle = getStyle("--muted");
  context.fillText("grid 0.1 m · x red, y green, z blue", 12, height - 12);
}

/** Points the eye so that the tools' poses, or these and the arms, fill the scene. */
function frameScene(withArms, { azimuth_rad, elevation_rad } = eye) {
  const points = [...tools.flatMap((tool) => (tool.fused ?? []).map((pose) => pose.position_m)), ...(withArms ? arms.flatMap((arm) => arm.links?.[0] ?? []) : [])].filter(Boolean);
  const ranges = [0, 1, 2].map((axis) => points.length ? [Math.min(...points.map((point) => point[axis])), Math.max(...points.map((point) => point[axis]))] : [-0.3, 0.3]);
  const radius_m = Math.hypot(...ranges.map(([lower, upper]) => (upper - lower) / 2));
  Object.assign(eye, { azimuth_rad, elevation_rad, target_m: ranges.map(([lower, upper]) => (lower + upper) / 2), distance_m: clamp(radius_m * 1.75, 0.7, 6) });
  invalidate();
}

function buildScene() {
  byId("scene-section").hidden = !(tools.length || arms.length || report.cameras?.length);
  const directions = { oblique: [-1.05, 0.5], top: [-Math.PI / 2, 1.5], front: [-Math.PI / 2, 0.06], right: [0, 0.06] };
  const lookFrom = ([azimuth_rad, elevation_rad]) => { Object.assign(eye, { azimuth_rad, elevation_rad }); invalidate(); };
  for (const [name, direction] of Object.entries(directions)) byId("scene-views").append(element("button", { onclick: () => lookFrom(direction) }, name));
  byId("scene-views").append("\u2002", element("button", { onclick: () => frameScene(false) }, "fit tools"), element("button", { onclick: () => frameScene(true) }, "fit all"));
  const hasTruth = tools.some((tool) => tool.truth?.length);
  const layers = [["fused", "fused poses (dotted: rejected)", "swatch", tools[0]?.color], ["tracks", "each view alone", "swatch faint", tools[0]?.color],
    ...(hasTruth ? [["truth", "truth", "swatch dashed", "var(--ink)"]] : []), ["meshes", "tools at the frame (pale: rejected)"], ["cameras", "cameras"],
    ...(arms.length ? [["arms", "arms"], ["paths", "executed tool path", "swatch dotted", tools[0]?.color]] : [])];
  byId("layer-toggles").append(...layers.map((layer) => layerToggle(...layer)),
    ...tools.map((tool) => element("span", { className: "legend" }, toolDot(tool.color), tool.name)));
  painters.push(drawScene);
  new ResizeObserver(invalidate).observe(byId("scene"));
  steerEye(byId("scene"));
  frameScene(true);
  buildExecutionTransport();
}

function steerEye(canvas) {
  const pointers = new Map();
  const zoom = (factor) => { eye.distance_m = clamp(eye.distance_m * factor, 0.15, 12); invalidate(); };
  const pan = (dx, dy) => {
    const { right, up, focal_px } = projection(canvas.clientWidth, canvas.clientHeight), perPixel_m = eye.distance_m / focal_px;
    eye.target_m = add(eye.target_m, add(scaled(right, -dx * perPixel_m), scaled(up, dy * perPixel_m)));
    invalidate();
  };
  canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); canvas.focus({ preventScroll: true }); pointers.set(event.pointerId, [event.clientX, event.clientY]); };
  canvas.onpointerup = canvas.onpointercancel = (event) => pointers.delete(event.pointerId);
  canvas.oncontextmenu = (event) => event.preventDefault();
  canvas.onpointermove = (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY], [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    if (other) {
      const spread = (point) => Math.max(Math.hypot(point[0] - other[0], point[1] - other[1]), 1);
      zoom(spread(before) / spread(now));
      pan(dx / 2, dy / 2);
    } else if (event.shiftKey || event.buttons & 6) pan(dx, dy);
    else {
      eye.azimuth_rad -= dx * 0.007;
      eye.elevation_rad = clamp(eye.elevation_rad + dy * 0.007, -0.3, 1.5);
      invalidate();
    }
  };
  // The page scrolls over the scene until the scene is clicked, so that nobody is caught in it.
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey) return;
    event.preventDefault();
    zoom(Math.exp(clamp(event.deltaY, -200, 200) * 0.0015));
  }, { passive: false });
}

function buildExecutionTransport() {
  const slider = byId("time-slider");
  byId("execution-transport").hidden = !arms.length;
  slider.max = executionEnd_s;
  bindClock("execution", slider, byId("execution-play"), showTime, () => state.time_s);
  for (const arm of arms) for (const time_s of arm.waypoint_times_s ?? []) byId("waypoints").append(element("span", {
    title: `${arm.name}: waypoint at ${number(time_s)} s`,
    style: { left: `${100 * time_s / executionEnd_s}%`, background: colorOfTool(arm.tool) } }));
  painters.push(() => { byId("time-readout").textContent = `${number(state.time_s)} of ${number(executionEnd_s)} s`; });
}
