// ---- Plots ---------------------------------------------------------------------------------------------------------

/** Round values inside [lower, upper], about `count` of them. */
function niceTicks(lower, upper, count) {
  const rough = (upper - lower) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((candidate) => candidate * power >= rough) ?? 10), ticks = [];
  for (let tick = Math.ceil(lower / step - 1e-9) * step; tick <= upper + step * 1e-9; tick += step) ticks.push(Number(tick.toPrecision(6)));
  return ticks;
}

/**
 * An SVG plot that redraws itself when its width changes. `series` are {points: [[x, y]], color, dash, dots, hollow: [bool]};
 * `y` gives the range; `limits` are dashed lines with the allowed band between them; `cursor` and `pick` tie x to a clock.
 */
function plot({ height = 130, x, y, series, limits = [], marks = [], xUnit = "", xTicks = 4, yTicks = 3, cursor, pick, label }) {
  const svg = svgElement("svg", { class: "plot", height, role: "img", "aria-label": label });
  const inset = { left: 38, right: 8, top: 8, bottom: xUnit ? 18 : 6 };
  let xToPixel = () => 0, pixelToX = () => 0, cursorLine = null;
  const draw = () => {
    const width = svg.clientWidth, [yLow, yHigh] = y();
    if (!width) return;
    xToPixel = (value) => inset.left + (value - x[0]) / (x[1] - x[0] || 1) * (width - inset.left - inset.right);
    pixelToX = (pixel) => x[0] + (pixel - inset.left) / (width - inset.left - inset.right) * (x[1] - x[0]);
    const yToPixel = (value) => inset.top + (yHigh - value) / (yHigh - yLow || 1) * (height - inset.top - inset.bottom);
    const across = (value, className) => svgElement("line", { class: className, x1: inset.left, x2: width - inset.right, y1: yToPixel(value), y2: yToPixel(value) });
    const inView = (value) => value >= yLow && value <= yHigh;
    const parts = [];
    if (limits.length) {
      const top = yToPixel(Math.min(Math.max(...limits), yHigh)), bottom = yToPixel(limits.length > 1 ? Math.max(Math.min(...limits), yLow) : yLow);
      parts.push(svgElement("rect", { class: "band", x: inset.left, y: top, width: Math.max(width - inset.left - inset.right, 0), height: Math.max(bottom - top, 0) }));
    }
    for (const tick of niceTicks(yLow, yHigh, yTicks)) parts.push(across(tick, "axis"),
      svgElement("text", { x: inset.left - 5, y: yToPixel(tick) + 3.5, "text-anchor": "end" }, String(tick).replace("-", "−")));
    for (const mark of marks) parts.push(svgElement("line", { class: "waypoint", x1: xToPixel(mark), x2: xToPixel(mark), y1: inset.top, y2: height - inset.bottom }));
    if (xUnit) niceTicks(...x, xTicks).forEach((tick, index, all) => parts.push(svgElement("text",
      { x: xToPixel(tick), y: height - 5, "text-anchor": xToPixel(tick) > width - 24 ? "end" : "middle" }, index === all.length - 1 ? `${tick} ${xUnit}` : String(tick))));
    for (const limit of limits) if (inView(limit)) parts.push(across(limit, "limit"));
    for (const { points, color, dash = "", dots, hollow = [] } of series) {
      const usable = points.map((point, index) => [...point, hollow[index]]).filter((point) => isNumber(point[1]));
      if (usable.length) parts.push(svgElement("path", { stroke: color, "stroke-dasharray": dash, opacity: dots ? 0.8 : 1,
        d: "M" + usable.map((point) => `${xToPixel(point[0]).toFixed(1)},${yToPixel(point[1]).toFixed(1)}`).join("L") }));
      if (dots) for (const point of usable) parts.push(svgElement("circle", { cx: xToPixel(point[0]), cy: yToPixel(point[1]), r: 2.6, stroke: color, fill: point[2] ? "var(--panel)" : color }));
    }
    cursorLine = svgElement("line", { class: "cursor", y1: inset.top, y2: height - inset.bottom });
    svg.replaceChildren(...parts, cursorLine);
    moveCursor();
  };
  const moveCursor = () => { for (const name of ["x1", "x2"]) cursorLine?.setAttribute(name, xToPixel(cursor())); };
  const seek = (event) => { if (event.buttons & 1) pick(clamp(pixelToX(event.clientX - svg.getBoundingClientRect().left), x[0], x[1])); };
  svg.onpointerdown = svg.onpointermove = seek;
  new ResizeObserver(draw).observe(svg);
  painters.push(moveCursor);
  return { svg, draw };
}

/** The range of all values with some air, at least `least` wide. */
function dataRange(values, least = 0, from = null) {
  const known = values.filter(isNumber);
  const low = from ?? Math.min(...known, Infinity), high = Math.max(...known, -Infinity);
  if (!known.length) return [0, least || 1];
  const air = Math.max((high - low) * 0.08, (least - (high - low)) / 2);
  return [from ?? low - air, high + air];
}

function buildFramePlots() {
  byId("frame-section").hidden = !tools.some((tool) => tool.fused?.some((fused) => fused.residuals));
  const dashOf = (index) => index ? "4 3" : "";
  byId("frame-legend").append(...tools.map((tool) => element("span", {}, element("i", { className: "swatch", style: { "border-color": tool.color } }), tool.name)),
    ...views.map((view, index) => element("span", {}, element("i", { className: `swatch ${index ? "dashed" : ""}`, style: { "border-color": "var(--muted)" } }), `residual in ${view.name}`)),
    element("span", {}, element("i", { className: "dot" }), "rejected"));
  const series = (value, dash) => tools.map((tool) => ({ color: tool.color, dash, dots: true,
    points: (tool.fused ?? []).map((fused) => [fused.frame, value(fused)]), hollow: (tool.fused ?? []).map((fused) => !fused.accepted) }));
  const errors = (key) => tools.map((tool, index) => ({ color: tool.color, dots: true,
    points: (tool.errors ?? []).map((error) => [error.frame, error[key]]), hollow: (tool.errors ?? []).map((error) => !fusedAt[index].get(error.frame)?.accepted) }));
  const charts = [["Residual", "levels", "residual", views.flatMap((view, index) => series((fused) => fused.residuals?.[view.name], dashOf(index)))],
    ["Ray gap", "mm", "ray_gap_mm", series((fused) => fused.ray_gap_mm)], ["Rotation between views", "°", "rotation_gap_deg", series((fused) => fused.rotation_gap_deg)],
    ["Confidence", "0–1", "confidence", series((fused) => fused.confidence)],
    ...(errorAt.some((known) => known.size) ? [["Position error against truth", "mm", "position_mm", errors("position_mm")], ["Rotation error against truth", "°", "rotation_deg", errors("rotation_deg")]] : [])];
  byId("frame-plots").style.setProperty("--plot-width", charts.length > 4 ? "360px" : "270px");
  for (const [name, unitName, key, lines] of charts) {
    const limit = report.limits?.[key], values = lines.flatMap((line) => line.points.map((point) => point[1]));
    const range = key === "confidence" ? [0, 1.04] : dataRange([...values, limit], 0.1, 0);
    const { svg } = plot({ x: [-0.4, frameCount - 0.6], y: () => range, series: lines, limits: isNumber(limit) ? [limit] : [], xUnit: "frame", xTicks: 6,
      cursor: () => state.frame, pick: (x) => showFrame(Math.round(x)), label: `${name} by frame` });
    const readout = element("span");
    const valueAt = (line) => number(line.points.find((point) => point[0] === state.frame)?.[1]);
    painters.push(() => readout.replaceChildren(...lines.map((line) => element("span", { style: { color: line.color, "margin-left": "8px" } }, valueAt(line)))));
    byId("frame-plots").append(element("div", {}, element("div", { className: "plot-head" },
      element("span", {}, element("b", { style: { "font-weight": 600 } }, name), element("span", { className: "muted" }, unitName ? ` ${unitName}` : "")), readout), svg));
  }
}

/** What an arm's path keeps away from, by time: `arm.path` holds columns beside its own `time_s`. */
function buildPathPlots() {
  const moving = arms.filter((arm) => arm.path?.time_s?.length);
  byId("path-section").hidden = !moving.length;
  byId("path-legend").append(...moving.map((arm) => element("span", {}, element("i", { className: "swatch", style: { "border-color": colorOfTool(arm.tool) } }), arm.name)));
  const charts = [["Smallest singular value", "", "smallest_singular_value", 3, 0.1], ["Distance to joint limits", "rad", "limit_margin_rad", 3, 0.2], ["Clearance", "mm", "clearance_mm", 1, 20],
    ["Tool off its path", "mm", "deviation_mm", 4, 0.1], ["Tool off its path", "°", "deviation_deg", 4, 0.02]];
  for (const [name, unitName, key, digits, least] of charts) {
    const series = moving.map((arm) => ({ color: colorOfTool(arm.tool), points: (arm.path[key] ?? []).map((value, sample) => [arm.path.time_s[sample], value]) }));
    const values = series.flatMap((line) => line.points.map((point) => point[1]));
    if (!values.some(isNumber)) continue;
    const range = dataRange(values, least, 0), readout = element("span");
    const { svg } = plot({ x: [0, executionEnd_s], y: () => range, series, xUnit: "s", cursor: () => state.time_s, pick: showTime, label: `${name} by time` });
    painters.push(() => readout.replaceChildren(...series.map((line) => element("span", { style: { color: line.color, "margin-left": "8px" } },
      number(line.points[indexAt(line.points.map((point) => point[0]), state.time_s + 1e-9)]?.[1], digits)))));
    byId("path-plots").append(element("div", {}, element("div", { className: "plot-head" },
      element("span", {}, element("b", { style: { "font-weight": 600 } }, name), element("span", { className: "muted" }, ` ${unitName}`)), readout), svg));
  }
}

function buildJointPlots() {
  byId("joint-section").hidden = !arms.length;
  const swatch = (className, color, label) => element("span", {}, element("i", { className, style: { "border-color": color, color } }), label);
  byId("joint-legend").append("upper: position, rad", "\u2003lower: velocity, rad/s\u2003", swatch("swatch dashed", "var(--bad)", "limit"), swatch("swatch", "var(--line)", "waypoint"));
  const redraws = [];
  for (const arm of arms) {
    const color = colorOfTool(arm.tool);
    const grid = element("div", { className: "plots arm-plots" });
    byId("arms").append(element("div", { className: "arm-head" }, toolDot(color), `${arm.name} arm`), grid);
    arm.joints.forEach((joint, index) => {
      const column = (rows) => (rows ?? []).map((row, sample) => [arm.time_s[sample], row[index]]);
      const position = column(arm.positions_rad), velocity = column(arm.velocities_rad_s), shared = { x: [0, executionEnd_s],
        marks: arm.waypoint_times_s ?? [], cursor: () => state.time_s, pick: showTime };
      const range = (points, limits, least) => () => dataRange([...points.map((point) => point[1]), ...(state.jointScale === "limits" ? limits : [])], least);
      const limits = [joint.lower_rad, joint.upper_rad].filter(isNumber), speeds = isNumber(joint.velocity_limit_rad_s) ? [-joint.velocity_limit_rad_s, joint.velocity_limit_rad_s] : [];
      const upper = plot({ ...shared, height: 84, y: range(position, limits, 0.1), series: [{ points: position, color }], limits, label: `${joint.name} position in rad` });
      const lower = plot({ ...shared, height: 84, y: range(velocity, speeds, 0.1), series: [{ points: velocity, color }], limits: speeds, xUnit: "s", label: `${joint.name} velocity in rad/s` });
      redraws.push(upper.draw, lower.draw);
      const margin_rad = limits.length === 2 ? Math.min(...position.map((point) => Math.min(point[1] - limits[0], limits[1] - point[1]))) : NaN;
      const fraction = Math.max(...velocity.map((point) => Math.abs(point[1]))) / joint.velocity_limit_rad_s;
      const now = element("span"), foot = (text, bad) => element("span", { className: bad ? "warn" : "muted", style: { "font-size": "11px" } }, text);
      painters.push(() => {
        const sample = indexAt(arm.time_s, state.time_s + 1e-9);
        now.textContent = `${number(position[sample]?.[1])} · ${number(velocity[sample]?.[1])}`;
      });
      grid.append(element("div", {}, element("div", { className: "plot-head" }, element("span", { title: joint.name }, joint.name.split("/").at(-1)), now), upper.svg, lower.svg,
        element("div", { className: "plot-head", style: { margin: "2px 0 0" } }, foot(`margin ${number(margin_rad)} rad`, margin_rad < 0), foot(`${number(100 * fraction, 0)} % speed`, fraction > 1))));
    });
  }
  const button = byId("joint-scale");
  const name = () => { button.textContent = state.jointScale === "limits" ? "scale to motion" : "scale to limits"; };
  button.onclick = () => { state.jointScale = state.jointScale === "limits" ? "motion" : "limits"; name(); for (const redraw of redraws) redraw(); };
  name();
}
