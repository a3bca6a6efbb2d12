use crate::{
    pixel::{Pixel, distance, dot, norm_squared},
    synthesis::{NOTHING, Synthesis},
};
use dreamitate_render::Facet;

/// How much of the printed colour stays in a facet's colour: a picture's light changes colours, but a facet
/// that may take any colour would explain anything.
const PRINTED_SHARE: f32 = 0.2;
/// A picture's colour farther than this from the printed one is not the facet's, levels.
const MAX_CHANGE: f32 = 70.0;
/// And by how much its colour may differ where only its brightness should, levels.
const MAX_HUE_CHANGE: f32 = 40.0;
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
    /// The lowest and highest level of each channel.
    range: [(u8, u8); 3],
    count: u32,
}

impl Appearance {
    /// Takes each facet's colour from the pixels that it fills, one pixel inside its border.
    pub fn fit(
        &mut self,
        printed: &[Pixel],
        drawing: &Synthesis,
        image: &[[u8; 4]],
        valid: &[bool],
        width: usize,
    ) {
        self.histograms.resize_with(printed.len(), || Histogram::EMPTY);
        self.histograms.iter_mut().for_each(Histogram::clear);
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
                    self.histograms[usize::from(facet)].add(image[at]);
                }
            }
        }
        self.colours.clear();
        self.colours.extend(
            printed.iter().zip(&self.histograms).map(|(printed, seen)| mixed(*printed, seen.median())),
        );
    }

    /// The colour that each facet was seen in at the last fit, where it was seen, and in how many pixels.
    pub fn medians(&self) -> impl Iterator<Item = (Option<Pixel>, u32)> {
        self.histograms.iter().map(|histogram| (histogram.median(), histogram.count))
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
        Some(seen)
            if distance(seen, printed) <= MAX_CHANGE && hue_change(seen, printed) <= MAX_HUE_CHANGE =>
        {
            std::array::from_fn(|c| (1.0 - PRINTED_SHARE) * seen[c] + PRINTED_SHARE * printed[c])
        }
        _ => printed,
    }
}

/// How far a colour is from a printed one that is lit otherwise, levels.
fn hue_change(seen: Pixel, printed: Pixel) -> f32 {
    let light = dot(seen, printed) / norm_squared(printed).max(1.0);
    distance(seen, printed.map(|level| light * level))
}

impl Histogram {
    const EMPTY: Self = Self { bins: [[0; 256]; 3], range: [(u8::MAX, 0); 3], count: 0 };

    fn clear(&mut self) {
        for (bins, range) in self.bins.iter_mut().zip(&mut self.range) {
            if range.0 <= range.1 {
                bins[usize::from(range.0)..=usize::from(range.1)].fill(0);
            }
            *range = (u8::MAX, 0);
        }
        self.count = 0;
    }

    fn add(&mut self, colour: [u8; 4]) {
        self.count += 1;
        for ((bins, range), level) in self.bins.iter_mut().zip(&mut self.range).zip(colour) {
            bins[usize::from(level)] += 1;
            *range = (range.0.min(level), range.1.max(level));
        }
    }

    fn median(&self) -> Option<Pixel> {
        (self.count >= MIN_PIXELS).then(|| {
            let median = |channel: usize| {
                let mut below = 0;
                let (mut level, last) = self.range[channel];
                while level < last {
                    below += self.bins[channel][usize::from(level)];
                    if 2 * below >= self.count {
                        break;
                    }
                    level += 1;
                }
                f32::from(level)
            };
            [median(0), median(1), median(2), 0.0]
        })
    }
}
