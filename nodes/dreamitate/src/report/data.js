"use strict";
const report = /*__DREAMITATE_REPORT__*/null;

// ---- Elements and numbers ------------------------------------------------------------------------------------------

const byId = (id) => document.getElementById(id);

/** A new element; text is always set as text, since reasons and paths may hold any character. */
function element(tag, properties = {}, ...children) {
  const { style, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(style ?? {})) made.style.setProperty(name, value);
  made.append(...children);
  return made;
}

function svgElement(tag, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

const rootStyle = getComputedStyle(document.documentElement), getStyle = (name) => rootStyle.getPropertyValue(name).trim();
const isNumber = (value) => Number.isFinite(value);
const number = (value, digits = 2) => isNumber(value) ? value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−") : "–";
const clamp = (value, lower, upper) => Math.min(Math.max(value, lower), upper);

/** Index of the last entry of an ascending list that is not above `value`; 0 where all are. */
const indexAt = (ascending, value) => Math.max(ascending.findLastIndex((entry) => entry <= value), 0);

// ---- What the report holds -----------------------------------------------------------------------------------------

const tools = report?.tools ?? [], arms = (report?.arms ?? []).filter((arm) => arm.time_s?.length), views = report?.views ?? [];
const frameTimes = report?.frame_times_s ?? [];
const frameCount = Math.max(frameTimes.length, ...views.map((view) => view.frames.length), 0);
const fusedAt = tools.map((tool) => new Map((tool.fused ?? []).map((fused) => [fused.frame, fused])));
const errorAt = tools.map((tool) => new Map((tool.errors ?? []).map((error) => [error.frame, error])));
const statusOf = (fused) => fused ? (fused.accepted ? "accepted" : "rejected") : "not tracked";
const colorOfTool = (name) => tools.find((tool) => tool.name === name)?.color ?? getStyle("--muted");
const toolDot = (color) => element("i", { className: "dot", style: { color, background: color } });
const executionEnd_s = Math.max(0, ...arms.map((arm) => arm.time_s.at(-1)));

/**
 * Execution time by dream frame, where an arm passes its waypoints. An arm says its `waypoint_frames`; without them its
 * waypoints are its tool's accepted frames, if there are as many.
 */
const passages = new Map(arms.flatMap((arm) => {
  const accepted = (tools.find((tool) => tool.name === arm.tool)?.fused ?? []).filter((fused) => fused.accepted).map((fused) => fused.frame);
  const frames = arm.waypoint_frames ?? accepted, times_s = arm.waypoint_times_s ?? [];
  return frames.length === times_s.length ? frames.map((frame, waypoint) => [frame, times_s[waypoint]]) : [];
}).sort((a, b) => a[1] - b[1]));

// ---- State: two clocks that follow one another through the passages --------------------------------------------------

const state = { frame: 0, time_s: 0, playing: null, hidden: new Set(), jointScale: "limits" };
const painters = [];
let paintScheduled = false;

/** Has every part of the page repainted once, before the browser's next frame. */
function invalidate() {
  if (paintScheduled) return;
  paintScheduled = true;
  requestAnimationFrame(() => { paintScheduled = false; for (const paint of painters) paint(); });
}

function showFrame(frame) {
  state.frame = clamp(frame, 0, Math.max(frameCount - 1, 0));
  state.time_s = passages.get(state.frame) ?? state.time_s;
  invalidate();
}

function showTime(time_s) {
  state.time_s = clamp(time_s, 0, executionEnd_s);
  const passed = [...passages].filter(([, passage_s]) => passage_s <= state.time_s + 1e-6);
  state.frame = (passed.at(-1) ?? [...passages][0] ?? [state.frame])[0];
  invalidate();
}

/** Plays "dream" or "execution" from its start if it stands at its end; a second call pauses. */
function togglePlay(clock) {
  state.playing = state.playing === clock ? null : clock;
  if (state.playing === "execution" && state.time_s >= executionEnd_s - 1e-3) showTime(0);
  if (state.playing === "dream" && state.frame === frameCount - 1) showFrame(0);
  if (state.playing) requestAnimationFrame((started_ms) => advance(clock, started_ms, 0));
  invalidate();
}

/** Ties a slider and a play button to the dream's clock or the execution's. */
function bindClock(clock, slider, button, show, now) {
  slider.oninput = () => { state.playing = null; show(Number(slider.value)); };
  button.onclick = () => togglePlay(clock);
  painters.push(() => { slider.value = now(); button.textContent = state.playing === clock ? "❚❚" : "▶"; });
}

function advance(clock, before_ms, heldFor_s) {
  requestAnimationFrame((now_ms) => {
    if (state.playing !== clock) return;
    const passed_s = Math.min((now_ms - before_ms) / 1000, 0.1);
    let held_s = heldFor_s + passed_s;
    if (clock === "execution") {
      showTime(state.time_s + passed_s);
      if (state.time_s >= executionEnd_s) state.playing = null;
    } else {
      const frame_s = (frameTimes[state.frame + 1] - frameTimes[state.frame]) || 1 / 6;
      const last = state.frame === frameCount - 1;
      if (held_s >= (last ? 0.8 : frame_s)) { showFrame(last ? 0 : state.frame + 1); held_s = 0; }
    }
    advance(clock, now_ms, held_s);
  });
}

/** A button that shows or hides one layer of the views or of the scene, and is its legend entry. */
function layerToggle(layer, label, swatchClass, color) {
  const button = element("button", { onclick: () => toggleLayer(layer) },
    ...(color ? [element("i", { className: swatchClass, style: { "border-color": color, color } })] : []), label);
  painters.push(() => button.setAttribute("aria-pressed", !state.hidden.has(layer)));
  return button;
}

function toggleLayer(layer) {
  if (!state.hidden.delete(layer)) state.hidden.add(layer);
  invalidate();
}
