// ---- Keys and start ------------------------------------------------------------------------------------------------

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !report) return;
  const actions = {
    ArrowLeft: () => { state.playing = null; showFrame(state.frame - 1); }, ArrowRight: () => { state.playing = null; showFrame(state.frame + 1); },
    " ": () => frameCount > 1 && togglePlay("dream"), e: () => arms.length && togglePlay("execution"),
    o: () => { toggleLayer("outline"); toggleLayer("axes"); },
  };
  const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", invalidate);

if (report) {
  buildHeader(); buildViews(); buildScene(); buildFramePlots(); buildPathPlots(); buildJointPlots(); buildStages(); buildTable();
  const frames = Array.from({ length: frameCount }, (_, frame) => frame), acceptedAt = (frame) => (fused) => fused.get(frame)?.accepted;
  showFrame(frames.find((frame) => fusedAt.every(acceptedAt(frame))) ?? frames.find((frame) => fusedAt.some(acceptedAt(frame))) ?? 0);
}
