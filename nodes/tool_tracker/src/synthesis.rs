use crate::pixel::{Area, Pixel};
use dreamitate_geometry::{PinholeCamera, Pose};
use dreamitate_render::{ToolModel, Window, rasterise};

/// Samples a pixel along each axis.
const SAMPLES: usize = 2;
/// No facet: the background.
pub(crate) const NOTHING: u8 = u8::MAX;

/// Draws which facet of the tool each sample shows, as [`ToolModel::facet_list`] counts them.
pub(crate) fn draw_facets(
    tool: &ToolModel,
    camera: &PinholeCamera,
    camera_from_tool: &Pose,
    window: Window,
    samples: usize,
    nearness: &mut [f32],
    facets: &mut [u8],
) {
    rasterise(&tool.tracked, camera, camera_from_tool, window, samples, nearness, |sample| {
        facets[sample.index] = tool.facets.at(&tool.tracked, &sample);
    });
    if let Some((untracked, of_untracked)) = &tool.untracked {
        let first_untracked = tool.facets.list().len() as u8;
        rasterise(untracked, camera, camera_from_tool, window, samples, nearness, |sample| {
            let facet = of_untracked.at(untracked, &sample);
            facets[sample.index] = first_untracked.saturating_add(facet).min(NOTHING - 1);
        });
    }
}

/// A drawing of the tool in a window: which facet each sample shows and at what depth. Its buffers are kept
/// between drawings.
#[derive(Default)]
pub(crate) struct Synthesis {
    sample_facet: Vec<u8>,
    sample_nearness: Vec<f32>,
    /// Samples of the tool in each pixel, 0 to 4.
    pub coverage: Vec<u8>,
    /// The facet that fills the whole pixel, or [`NOTHING`].
    pub facet: Vec<u8>,
    /// Inverse depth of the tool in each pixel, 1/m; grown past the outline by [`Self::grow`]; 0 where unknown.
    pub nearness: Vec<f32>,
    /// Pixels that the untracked part touches; empty without one.
    pub hidden: Vec<bool>,
    /// Where the tool is drawn.
    pub area: Area,
    carried: Vec<Carried>,
}

/// The value last passed, and over how many pixels more it is carried.
#[derive(Clone, Copy, Default)]
struct Carried {
    value: f32,
    steps: u8,
}

impl Carried {
    fn over(&mut self, value: &mut f32, steps: u8) {
        if *value > 0.0 {
            *self = Self { value: *value, steps };
        } else if self.steps > 0 {
            *value = self.value;
            self.steps -= 1;
        }
    }
}

impl Synthesis {
    /// Draws a tool; `false` where it has no pixel in the window.
    pub fn draw(
        &mut self,
        tool: &ToolModel,
        camera: &PinholeCamera,
        camera_from_tool: &Pose,
        window: Window,
    ) -> bool {
        let pixels = window.width * window.height;
        let columns = window.width * SAMPLES;
        self.sample_facet.clear();
        self.sample_facet.resize(pixels * SAMPLES * SAMPLES, NOTHING);
        self.sample_nearness.clear();
        self.sample_nearness.resize(pixels * SAMPLES * SAMPLES, 0.0);
        self.coverage.clear();
        self.coverage.resize(pixels, 0);
        self.facet.clear();
        self.facet.resize(pixels, NOTHING);
        self.nearness.clear();
        self.nearness.resize(pixels, 0.0);
        self.area = Area::default();
        let Some(area) =
            Window::around(&tool.mesh, camera, camera_from_tool, 1).and_then(|inner| within(inner, window))
        else {
            return false;
        };
        self.area = area;
        let facets = &mut self.sample_facet;
        let nearness = &mut self.sample_nearness;
        draw_facets(tool, camera, camera_from_tool, window, SAMPLES, nearness, facets);
        self.hidden.clear();
        let first_untracked = tool.facets.list().len() as u8;
        if tool.untracked.is_some() {
            self.hidden.resize(pixels, false);
            let is_untracked = |facet: u8| (first_untracked..NOTHING).contains(&facet);
            for (index, _) in facets.iter().enumerate().filter(|(_, facet)| is_untracked(**facet)) {
                self.hidden[index / columns / SAMPLES * window.width + index % columns / SAMPLES] = true;
            }
        }
        for y in area.y0..area.y1 {
            let (row, first) = (y * window.width, y * SAMPLES * columns);
            let above = &self.sample_facet[first..first + columns];
            let below = &self.sample_facet[first + columns..first + 2 * columns];
            let near_above = &self.sample_nearness[first..first + columns];
            let near_below = &self.sample_nearness[first + columns..first + 2 * columns];
            for x in area.x0..area.x1 {
                let i = x * SAMPLES;
                let facets = [above[i], above[i + 1], below[i], below[i + 1]];
                let coverage: u8 = facets.iter().map(|f| u8::from(*f < first_untracked)).sum();
                if facets != [NOTHING; 4] {
                    self.coverage[row + x] = coverage;
                    let same = facets.iter().all(|f| *f == facets[0]);
                    self.facet[row + x] = if same { facets[0] } else { NOTHING };
                    self.nearness[row + x] =
                        near_above[i].max(near_above[i + 1]).max(near_below[i]).max(near_below[i + 1]);
                }
            }
        }
        true
    }

    /// Colours the drawing over a background of the window's size, in an area.
    pub fn paint(
        &self,
        colours: &[Pixel],
        background: &[[u8; 4]],
        width: usize,
        area: Area,
        out: &mut Vec<Pixel>,
    ) {
        out.resize(background.len(), [0.0; 4]);
        for row in area.rows(width) {
            let behind = &background[row.clone()];
            out[row].iter_mut().zip(behind).for_each(|(out, behind)| *out = behind.map(f32::from));
        }
        let columns = width * SAMPLES;
        for row in self.area.rows(width) {
            for at in row {
                if self.coverage[at] == 0 && !self.hides(at) {
                    continue;
                }
                if self.facet[at] != NOTHING {
                    out[at] = colours[usize::from(self.facet[at])];
                    continue;
                }
                let first = (at / width) * SAMPLES * columns + (at % width) * SAMPLES;
                let behind = out[at];
                let mut sum = [0.0; 4];
                for i in [first, first + 1, first + columns, first + columns + 1] {
                    let facet = self.sample_facet[i];
                    let colour = if facet == NOTHING { behind } else { colours[usize::from(facet)] };
                    sum = std::array::from_fn(|c| sum[c] + 0.25 * colour[c]);
                }
                out[at] = sum;
            }
        }
    }

    /// Gives the pixels up to `steps` beside the outline the depth of the tool there: along the rows, then along
    /// the columns.
    pub fn grow(&mut self, width: usize, steps: u8, area: Area) {
        for row in area.rows(width) {
            let line = &mut self.nearness[row];
            let mut last = Carried::default();
            line.iter_mut().for_each(|value| last.over(value, steps));
            let mut last = Carried::default();
            line.iter_mut().rev().for_each(|value| last.over(value, steps));
        }
        let Self { nearness, carried, .. } = self;
        let mut sweep = |rows: &mut dyn Iterator<Item = std::ops::Range<usize>>| {
            carried.clear();
            carried.resize(area.x1 - area.x0, Carried::default());
            for row in rows {
                nearness[row]
                    .iter_mut()
                    .zip(carried.iter_mut())
                    .for_each(|(value, last)| last.over(value, steps));
            }
        };
        sweep(&mut area.rows(width));
        sweep(&mut area.rows(width).rev());
    }

    /// Whether the untracked part touches a pixel.
    #[inline]
    pub fn hides(&self, at: usize) -> bool {
        !self.hidden.is_empty() && self.hidden[at]
    }

    /// The part of the tool's area whose pixels are seen.
    pub fn visible_fraction(&self, is_seen: impl Fn(usize) -> bool, width: usize) -> f64 {
        let (mut seen, mut all) = (0u32, 0u32);
        for at in self.area.rows(width).flatten() {
            let coverage = u32::from(self.coverage[at]);
            all += coverage;
            seen += if coverage > 0 && is_seen(at) { coverage } else { 0 };
        }
        if all == 0 { 0.0 } else { f64::from(seen) / f64::from(all) }
    }
}

/// The part of `inner` that lies in `window`, in the window's pixels.
fn within(inner: Window, window: Window) -> Option<Area> {
    let part = |first: i32, size: usize, window_first: i32, window_size: usize| {
        let begin = (first - window_first).max(0);
        let end = (first - window_first + size as i32).min(window_size as i32);
        (begin < end).then_some((begin as usize, end as usize))
    };
    let (x0, x1) = part(inner.x_px, inner.width, window.x_px, window.width)?;
    let (y0, y1) = part(inner.y_px, inner.height, window.y_px, window.height)?;
    Some(Area { x0, y0, x1, y1 })
}
