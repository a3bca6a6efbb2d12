use crate::pixel::{Area, Pixel};
use dreamitate_geometry::{PinholeCamera, Pose};
use dreamitate_render::{ToolModel, Window, rasterise};

/// Samples a pixel along each axis.
const SAMPLES: usize = 2;
/// So far beside the tool's box samples of it may lie.
const BESIDE_PX: i32 = 1;
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
    /// Whether some of it lies outside, beyond the picture or the window.
    is_cut: bool,
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
        self.sample_facet.resize(pixels * SAMPLES * SAMPLES, NOTHING);
        self.sample_nearness.resize(pixels * SAMPLES * SAMPLES, 0.0);
        self.coverage.clear();
        self.coverage.resize(pixels, 0);
        self.facet.clear();
        self.facet.resize(pixels, NOTHING);
        self.nearness.clear();
        self.nearness.resize(pixels, 0.0);
        self.area = Area::default();
        let Some(whole) = Window::of(&tool.mesh, camera, camera_from_tool) else { return false };
        let inside = whole.in_image(camera, BESIDE_PX);
        let Some(area) = inside.and_then(|inside| within(inside, window)) else { return false };
        let margin = 2 * BESIDE_PX as usize;
        self.is_cut = area.x1 - area.x0 < whole.width + margin || area.y1 - area.y0 < whole.height + margin;
        self.area = area;
        // Samples are looked at only where the tool may be.
        let Area { x0, y0, x1, y1 } = area;
        let samples = Area { x0: x0 * SAMPLES, y0: y0 * SAMPLES, x1: x1 * SAMPLES, y1: y1 * SAMPLES };
        for row in samples.rows(columns) {
            self.sample_facet[row.clone()].fill(NOTHING);
            self.sample_nearness[row].fill(0.0);
        }
        let facets = &mut self.sample_facet;
        let nearness = &mut self.sample_nearness;
        draw_facets(tool, camera, camera_from_tool, window, SAMPLES, nearness, facets);
        self.hidden.clear();
        let first_untracked = tool.facets.list().len() as u8;
        let may_hide = tool.untracked.is_some();
        if may_hide {
            self.hidden.resize(pixels, false);
        }
        let is_untracked = |facet: &u8| (first_untracked..NOTHING).contains(facet);
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
                    if may_hide {
                        self.hidden[row + x] = facets.iter().any(is_untracked);
                    }
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

    /// The part of the tool's area whose pixels are seen, of all of it, also of what lies outside the window in which it was
    /// drawn.
    pub fn visible_fraction(
        &self,
        tool: &ToolModel,
        camera: &PinholeCamera,
        camera_from_tool: &Pose,
        window: Window,
        is_seen: impl Fn(usize) -> bool,
    ) -> f64 {
        let (mut seen, mut all) = (0u32, 0u32);
        for at in self.area.rows(window.width).flatten() {
            let coverage = u32::from(self.coverage[at]);
            all += coverage;
            seen += if coverage > 0 && is_seen(at) { coverage } else { 0 };
        }
        let share = if self.is_cut {
            let Area { x0, y0, x1, y1 } = self.area;
            let (x_px, y_px) = (window.x_px + x0 as i32, window.y_px + y0 as i32);
            let drawn = Window { x_px, y_px, width: x1 - x0, height: y1 - y0 };
            share_within(tool, camera, camera_from_tool, drawn)
        } else {
            1.0
        };
        if all == 0 { 0.0 } else { share * f64::from(seen) / f64::from(all) }
    }
}

/// The part of a tool's tracked area that lies in a window, however far the rest is outside.
fn share_within(tool: &ToolModel, camera: &PinholeCamera, camera_from_tool: &Pose, window: Window) -> f64 {
    /// A tool that is so much larger than the picture is hardly in it.
    const LARGEST: usize = 4;
    let largest = LARGEST * camera.width as usize * camera.height as usize;
    let whole = Window::of(&tool.tracked, camera, camera_from_tool);
    let Some(whole) = whole.filter(|whole| whole.width.saturating_mul(whole.height) <= largest) else {
        return 0.0;
    };
    let mut nearness = vec![0f32; whole.width * whole.height];
    rasterise(&tool.tracked, camera, camera_from_tool, whole, 1, &mut nearness, |_| {});
    let drawn = |area: Area| area.rows(whole.width).flatten().filter(|at| nearness[*at] > 0.0).count() as f64;
    let all = drawn(Area::whole(whole.width, whole.height));
    within(window, whole).map_or(0.0, |inside| drawn(inside) / all.max(1.0))
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

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{UnitQuaternion, Vector3};
    use std::path::Path;

    #[test]
    fn of_a_tool_across_the_pictures_corner_a_quarter_is_seen() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/tools/tracking_box_left.yaml");
        let tool = ToolModel::read(Path::new(file)).unwrap();
        let camera = PinholeCamera::new((615.0, 615.0), (383.5, 223.5), (768, 448)).unwrap();
        let facing = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
        let seen_at = |x_px: f64, y_px: f64| {
            let [x_m, y_m] = [(x_px - 383.5) * 0.8 / 615.0, (y_px - 223.5) * 0.8 / 615.0];
            let middle = nalgebra::center(&tool.tracked.bounds().0, &tool.tracked.bounds().1).cast::<f64>();
            let at = Vector3::new(x_m, y_m, 0.8) - facing * middle.coords;
            let pose = Pose::from_parts(at.into(), facing);
            let window = Window::around(&tool.mesh, &camera, &pose, 11).unwrap();
            let mut drawing = Synthesis::default();
            assert!(drawing.draw(&tool, &camera, &pose, window));
            let is_in_picture = |at: usize| {
                window.x_px + (at % window.width) as i32 >= 0 && window.y_px + (at / window.width) as i32 >= 0
            };
            drawing.visible_fraction(&tool, &camera, &pose, window, is_in_picture)
        };
        assert!((seen_at(300.0, 200.0) - 1.0).abs() < 1e-9);
        assert!((seen_at(0.0, 200.0) - 0.5).abs() < 0.05, "{}", seen_at(0.0, 200.0));
        assert!((seen_at(0.0, 0.0) - 0.25).abs() < 0.05, "{}", seen_at(0.0, 0.0));
    }
}
