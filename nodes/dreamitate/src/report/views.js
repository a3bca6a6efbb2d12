// ---- The two views -------------------------------------------------------------------------------------------------

const AXIS_COLORS = ["#ff4d4d", "#2fd160", "#4d8dff"];

/** The context of a cleared canvas, sized in device pixels and drawing in CSS pixels. */
function openCanvas(canvas, width, height) {
  const scale = window.devicePixelRatio || 1, context = canvas.getContext("2d");
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

function tracePath(context, points, close) {
  context.beginPath();
  points.forEach(([x, y], index) => index ? context.lineTo(x, y) : context.moveTo(x, y));
  if (close) context.closePath();
}

/** Lines with a dark edge, so that they read on any image. */
function strokeEdged(context, color, width, dash = []) {
  context.setLineDash(dash);
  context.lineJoin = context.lineCap = "round";
  for (const [strokeStyle, lineWidth] of [["#000a", width + 2], [color, width]]) { Object.assign(context, { strokeStyle, lineWidth }); context.stroke(); }
}

function drawOverlay(context, overlay, color, zoom) {
  const outline = overlay.outline ?? [], rings = isNumber(outline[0]?.[0]) ? [outline] : outline; // one ring, or a list of them
  if (!state.hidden.has("outline")) for (const ring of rings) {
    tracePath(context, ring.map(([x, y]) => [x * zoom, y * zoom]), true);
    strokeEdged(context, color, 1.8, overlay.accepted ? [] : [7, 6]);
  }
  if (state.hidden.has("axes") || !overlay.axes?.length) return;
  const [origin, ...tips] = overlay.axes.map(([x, y]) => [x * zoom, y * zoom]);
  context.globalAlpha = overlay.accepted ? 1 : 0.55;
  tips.forEach((tip, axis) => { tracePath(context, [origin, tip]); strokeEdged(context, AXIS_COLORS[axis], 2.2); });
  context.globalAlpha = 1;
}

function buildViews() {
  byId("dream-section").hidden = !frameCount;
  if (views.length) byId("overlay-toggles").append(layerToggle("outline", "outline (dashed: rejected)", "swatch", "var(--muted)"), layerToggle("axes", "axes x red, y green, z blue"));
  for (const view of views) {
    const images = view.frames.map((source) => Object.assign(new Image(), { onload: invalidate, src: source }));
    const canvas = element("canvas", { style: { "aspect-ratio": `${view.width} / ${view.height}` } });
    byId("views").append(element("figure", {}, canvas, element("figcaption", {}, view.name)));
    new ResizeObserver(invalidate).observe(canvas);
    painters.push(() => {
      const zoom = canvas.clientWidth / view.width, image = images[state.frame];
      const context = openCanvas(canvas, canvas.clientWidth, canvas.clientWidth * view.height / view.width);
      if (image?.complete && image.naturalWidth) context.drawImage(image, 0, 0, view.width * zoom, view.height * zoom);
      for (const tool of tools) for (const overlay of tool.overlays?.[view.name] ?? [])
        if (overlay.frame === state.frame) drawOverlay(context, overlay, tool.color, zoom);
    });
  }
  buildTransport();
}

function buildTransport() {
  const slider = byId("frame-slider");
  slider.max = Math.max(frameCount - 1, 0);
  const inset = `calc(${50 / Math.max(frameCount, 1)}% - 8px)`; // the thumb, 16 px wide, then stands above its frame's tick
  Object.assign(slider.style, { marginInline: inset, width: `calc(100% - 2 * (${inset.slice(5, -1)}))` });
  bindClock("dream", slider, byId("dream-play"), showFrame, () => state.frame);
  tools.forEach((tool, index) => {
    byId("tick-names").append(element("span", {}, tool.name));
    const row = byId("ticks").appendChild(element("div", { style: { "--tool": tool.color } }));
    for (let frame = 0; frame < frameCount; frame++) {
      const fused = fusedAt[index].get(frame), status = statusOf(fused);
      const tick = element("button", { className: status, tabIndex: -1, title: `${tool.name}, frame ${frame}: ${status}`, onclick: () => showFrame(frame) });
      painters.push(() => tick.classList.toggle("now", frame === state.frame));
      row.append(tick);
    }
  });
  painters.push(() => {
    byId("frame-readout").textContent = `frame ${state.frame} of ${frameCount - 1} · ${number(frameTimes[state.frame])} s`;
    byId("frame-status").replaceChildren(...tools.map((tool, index) => {
      const fused = fusedAt[index].get(state.frame);
      return element("span", {}, toolDot(tool.color), ` ${tool.name} `, element("span", { className: `chip ${fused?.accepted ? "ok" : ""}` }, statusOf(fused)),
        element("span", { className: "muted" }, fused?.reason ? ` ${fused.reason}` : ""));
    }));
  });
}
