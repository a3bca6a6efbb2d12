use crate::{
    pixel::{Pixel, distance},
    synthesis::{NOTHING, Synthesis},
};
use dreamitate_render::Facet;

/// How much of the printed colour stays in a facet's colour: a picture's light changes colours, but a facet
/// that may take any colour would explain anything.
const PRINTED_SHARE: f32 = 0.2;
/// A picture's colour farther than this from the printed one is not the facet's, levels.
const MAX_CHANGE: f32 = 70.0;
/// Fewer pixels say nothing about a facet.
const MIN_PIXELS: u32 = 4;

/// The colours in which a picture shows the facets of a tool.
#[derive(Default)]
pub(crate) struct Appearance {
    /// A colour a facet.
    pub colours: Vec<Pixel>,
    histograms: Vec<Histogram>,
}

struct Histogram {
    bins: [[u32; 256]; 3],
    count: u32,
}

impl Appearance {
    /// Takes each facet's colour from the pixels that it fills, one pixel inside its border.
    pub fn fit(
        &mut self,
        facets: &[Facet],
        drawing: &Synthesis,
        image: &[Pixel],
        valid: &[bool],
        width: usize,
    ) {
        self.histograms.resize_with(facets.len(), || Histogram { bins: [[0; 256]; 3], count: 0 });
        for histogram in &mut self.histograms {
            if histogram.count > 0 {
                histogram.bins = [[0; 256]; 3];
                histogram.count = 0;
            }
        }
        let height = drawing.facet.len() / width;
        let area = drawing.area;
        for y in area.y0.max(1)..area.y1.min(height - 1) {
            for x in area.x0.max(1)..area.x1.min(width - 1) {
                let at = y * width + x;
                let facet = drawing.facet[at];
                let inside = facet != NOTHING
                    && valid[at]
                    && [at - 1, at + 1, at - width, at + width].iter().all(|i| drawing.facet[*i] == facet);
                if inside {
                    let histogram = &mut self.histograms[facet as usize];
                    histogram.count += 1;
                    for (bins, level) in histogram.bins.iter_mut().zip(image[at]) {
                        bins[level.clamp(0.0, 255.0) as usize] += 1;
                    }
                }
            }
        }
        self.colours.clear();
        self.colours.extend(
            facets
                .iter()
                .zip(&self.histograms)
                .map(|(facet, histogram)| mixed(facet_colour(facet), histogram.median())),
        );
    }
}

/// The colour that is printed on a facet.
pub(crate) fn facet_colour(facet: &Facet) -> Pixel {
    let [red, green, blue] = facet.colour;
    [red, green, blue, 0.0]
}

/// The colour of a facet that a picture shows in `seen` (if it shows it).
pub(crate) fn mixed(printed: Pixel, seen: Option<Pixel>) -> Pixel {
    match seen {
        Some(seen) if distance(seen, printed) <= MAX_CHANGE => {
            std::array::from_fn(|c| (1.0 - PRINTED_SHARE) * seen[c] + PRINTED_SHARE * printed[c])
        }
        _ => printed,
    }
}

impl Histogram {
    fn median(&self) -> Option<Pixel> {
        (self.count >= MIN_PIXELS).then(|| {
            let median = |bins: &[u32; 256]| {
                let mut below = 0;
                let middle = bins.iter().position(|n| {
                    below += n;
                    2 * below >= self.count
                });
                middle.unwrap_or(0) as f32
            };
            let [red, green, blue] = &self.bins;
            [median(red), median(green), median(blue), 0.0]
        })
    }
}
