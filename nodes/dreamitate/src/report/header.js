// ---- Header, stages, table -----------------------------------------------------------------------------------------

function buildHeader() {
  document.title = `${report.title} · dreamitate`;
  byId("title").textContent = report.title;
  byId("version").textContent = report.version ?? "";
  byId("reason").textContent = report.reason ?? "";
  Object.assign(byId("outcome"), { textContent: report.outcome, hidden: false });
  byId("outcome").classList.toggle("ok", report.outcome_ok);
  const facts = [["task", report.task], ["clip", report.clip], ["source", report.source], ["frames", frameCount],
    ["clip length", frameTimes.length ? `${number(frameTimes.at(-1))} s` : null], ["execution", arms.length ? `${number(executionEnd_s)} s` : "none"]];
  for (const [label, value] of facts) if (value) byId("facts").append(element("span", {}, label, element("b", {}, String(value))));
  for (const { label, value, limit, ok } of report.figures ?? []) {
    const mark = ok == null ? [] : [element("span", { className: `mark ${ok ? "ok" : "bad"}` }, ok ? "✓" : "✗")];
    byId("figures").append(element("div", {}, element("dt", {}, label),
      element("dd", { className: `value ${ok === false ? "bad" : ""}` }, value),
      element("dd", { className: "limit" }, ...mark, limit ? `limit ${limit}` : "")));
  }
  byId("figures").hidden = !report.figures?.length;
  byId("footer").hidden = false;
}

function buildStages() {
  const stages = report.stages ?? [], total_s = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  byId("stage-section").hidden = !(total_s > 0);
  byId("stage-total").textContent = `${number(total_s)} s in all`;
  stages.forEach(({ name, seconds }, index) => {
    const color = `hsl(${218 - index * 11} ${58 - index * 4}% ${42 + (index % 2) * 10 + index * 2}%)`;
    const share = `${number(100 * seconds / total_s, 0)} %`;
    byId("stage-bar").append(element("div", { title: `${name}: ${number(seconds)} s, ${share}`, style: { flex: `${seconds} 1 0`, background: color } }));
    byId("stages").append(element("span", {}, element("i", { style: { background: color } }), name,
      element("b", {}, `${number(seconds)} s`), element("span", { className: "muted mono" }, ` ${share}`)));
  });
}

function buildTable() {
  const withErrors = errorAt.some((errors) => errors.size);
  const columns = [["frame", ""], ["time", "s"], ["tool", "", true], ["state", "", true], ["x", "m"], ["y", "m"], ["z", "m"],
    ...views.map((view) => ["residual", view.name]), ["ray gap", "mm"], ["rotation gap", "°"], ["confidence", "0–1"],
    ...(withErrors ? [["error", "mm"], ["error", "°"]] : []), ["reason", "", true]];
  byId("table").append(element("thead", {}, element("tr", {}, ...columns.map(([name, unit, isText]) =>
    element("th", { className: isText ? "text" : "" }, name, element("small", {}, unit || "\u00a0"))))));
  const body = byId("table").appendChild(element("tbody"));
  for (let frame = 0; frame < frameCount; frame++) tools.forEach((tool, index) => {
    const fused = fusedAt[index].get(frame), error = errorAt[index].get(frame);
    const numbers = (values, digits) => values.map((value) => element("td", { className: "number" }, number(value, digits)));
    const row = element("tr", { className: fused?.accepted ? "" : "rejected", onclick: () => showFrame(frame) },
      element("td", { className: "number" }, String(frame)), ...numbers([frameTimes[frame]]),
      element("td", { className: "text" }, toolDot(tool.color), ` ${tool.name}`),
      element("td", { className: "text" }, element("span", { className: `chip ${fused?.accepted ? "ok" : ""}` }, statusOf(fused))),
      ...numbers([0, 1, 2].map((axis) => fused?.position_m?.[axis]), 4), ...numbers(views.map((view) => fused?.residuals?.[view.name]), 1),
      ...numbers([fused?.ray_gap_mm, fused?.rotation_gap_deg, fused?.confidence]),
      ...(withErrors ? numbers([error?.position_mm, error?.rotation_deg]) : []),
      element("td", { className: "text" }, fused?.reason ?? ""));
    painters.push(() => row.classList.toggle("now", frame === state.frame));
    body.append(row);
  });
  byId("table-section").hidden = !body.rows.length;
}
