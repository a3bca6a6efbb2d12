use crate::levels::Level;
use dreamitate_geometry::{PinholeCamera, Pose};
use dreamitate_render::{ToolModel, Window, rasterise};

/// Samples a pixel along each axis.
const SAMPLES: usize = 2;
/// No facet: the background.
pub(crate) const NOTHING: u8 = u8::MAX;

/// A drawing of the tool in a window: which facet each sample shows and at what depth. Its buffers are kept
/// between drawings.
#[derive(Default)]
pub(crate) struct Synthesis {
    sample_facet: Vec<u8>,
    sample_depth: Vec<f32>,
    /// Samples of the tool in each pixel, 0 to 4.
    pub coverage: Vec<u8>,
    /// The facet that fills the whole pixel, or [`NOTHING`].
    pub facet: Vec<u8>,
    /// Depth of the tool in each pixel, metres; grown past the outline by [`Self::grow`]; 0 where unknown.
    pub depth_m: Vec<f32>,
    grown: Vec<f32>,
}

impl Synthesis {
    pub fn draw(
        &mut self,
        tool: &ToolModel,
        camera: &PinholeCamera,
        camera_from_tool: &Pose,
        window: Window,
    ) {
        let pixels = window.width * window.height;
        let columns = window.width * SAMPLES;
        for (buffer, size) in
            [(&mut self.sample_facet, pixels * 4), (&mut self.coverage, pixels), (&mut self.facet, pixels)]
        {
            buffer.clear();
            buffer.resize(size, NOTHING);
        }
        self.sample_depth.clear();
        self.sample_depth.resize(pixels * 4, f32::INFINITY);
        self.depth_m.clear();
        self.depth_m.resize(pixels, 0.0);
        let facets = &mut self.sample_facet;
        rasterise(&tool.mesh, camera, camera_from_tool, window, SAMPLES, &mut self.sample_depth, |sample| {
            facets[sample.index] = tool.facets.at(&tool.mesh, sample.triangle, sample.u, sample.v);
        });
        for y in 0..window.height {
            for x in 0..window.width {
                let samples = Self::samples(columns, x, y);
                let facets = samples.map(|i| self.sample_facet[i]);
                let at = y * window.width + x;
                self.coverage[at] = facets.iter().filter(|f| **f != NOTHING).count() as u8;
                self.facet[at] = if facets.iter().all(|f| *f == facets[0]) { facets[0] } else { NOTHING };
                self.depth_m[at] = samples
                    .iter()
                    .map(|i| self.sample_depth[*i])
                    .filter(|d| d.is_finite())
                    .reduce(f32::min)
                    .unwrap_or(0.0);
            }
        }
    }

    fn samples(columns: usize, x: usize, y: usize) -> [usize; 4] {
        let first = y * SAMPLES * columns + x * SAMPLES;
        [first, first + 1, first + columns, first + columns + 1]
    }

    /// Colours the drawing over a background of the window's size.
    pub fn paint(
        &self,
        colours: &[[f32; 3]],
        background: &[[f32; 3]],
        width: usize,
        out: &mut Vec<[f32; 3]>,
    ) {
        out.clear();
        out.extend_from_slice(background);
        for (at, pixel) in out.iter_mut().enumerate().filter(|(at, _)| self.coverage[*at] > 0) {
            if self.facet[at] != NOTHING {
                *pixel = colours[self.facet[at] as usize];
                continue;
            }
            let mut sum = [0f32; 3];
            for i in Self::samples(width * SAMPLES, at % width, at / width) {
                let facet = self.sample_facet[i];
                let colour = if facet == NOTHING { *pixel } else { colours[facet as usize] };
                for c in 0..3 {
                    sum[c] += 0.25 * colour[c];
                }
            }
            *pixel = sum;
        }
    }

    /// Gives the pixels within `steps` of the outline the depth of the tool beside them.
    pub fn grow(&mut self, width: usize, steps: usize) {
        let height = self.depth_m.len() / width;
        for _ in 0..steps {
            self.grown.clone_from(&self.depth_m);
            for y in 1..height.saturating_sub(1) {
                for x in 1..width - 1 {
                    let at = y * width + x;
                    if self.depth_m[at] == 0.0 {
                        let near = [at - 1, at + 1, at - width, at + width].map(|i| self.depth_m[i]);
                        self.grown[at] = near.into_iter().fold(0.0, f32::max);
                    }
                }
            }
            std::mem::swap(&mut self.grown, &mut self.depth_m);
        }
    }

    /// The part of the tool's area that lies in the image and is not skin.
    pub fn visible_fraction(&self, level: &Level, window: Window) -> f64 {
        let (mut seen, mut all) = (0u32, 0u32);
        for (at, &coverage) in self.coverage.iter().enumerate() {
            if coverage > 0 {
                all += u32::from(coverage);
                let (x, y) = ((at % window.width) as i32, (at / window.width) as i32);
                let counts = level.index(window.x_px + x, window.y_px + y).is_some_and(|i| !level.skin[i]);
                seen += if counts { u32::from(coverage) } else { 0 };
            }
        }
        if all == 0 { 0.0 } else { f64::from(seen) / f64::from(all) }
    }
}
