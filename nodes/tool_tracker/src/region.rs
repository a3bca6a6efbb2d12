use crate::{
    appearance::facet_colour,
    levels::Level,
    pixel::{Pixel, distance},
};
use dreamitate_render::ToolModel;

/// A pixel that differs from the photo by less than this is the photo's, levels.
const CHANGED: f32 = 30.0;
/// How far a picture's colour may lie from a printed one, one standard deviation, levels.
const COLOUR_SPREAD: f32 = 40.0;
/// Bins of the photo's histogram along each channel.
const BINS: usize = 8;

/// Returns how much each pixel of a quarter-size picture looks like a tool that was not in the photo, 0 to 1:
/// it changed, it is not skin, and its colour is likelier under the tool's printed colours than in the photo.
pub(crate) fn likeness(tools: &[ToolModel], frame: &Level, photo: &Level) -> Vec<f32> {
    let mut histogram = vec![1e-4f32; BINS * BINS * BINS];
    let share = 1.0 / (photo.width * photo.height) as f32;
    for pixel in &photo.rgb {
        histogram[bin(pixel)] += share;
    }
    let palette: Vec<Pixel> = tools.iter().flat_map(|tool| tool.facets.list()).map(facet_colour).collect();
    frame
        .rgb
        .iter()
        .zip(&photo.rgb)
        .zip(&frame.skin)
        .map(|((pixel, before), &skin)| {
            let seen: Pixel = pixel.map(f32::from);
            if skin || distance(seen, before.map(f32::from)) < CHANGED {
                return 0.0;
            }
            let nearest = palette.iter().map(|p| distance(*p, seen)).fold(f32::MAX, f32::min);
            // Both as shares of a bin's volume of colours.
            let of_tool = (-0.5 * (nearest / COLOUR_SPREAD).powi(2)).exp() / palette.len() as f32;
            of_tool / (of_tool + histogram[bin(pixel)])
        })
        .collect()
}

fn bin(pixel: &[u8; 4]) -> usize {
    let part = |v: u8| usize::from(v) * BINS / 256;
    (part(pixel[0]) * BINS + part(pixel[1])) * BINS + part(pixel[2])
}

/// Returns up to `most` pixels around which a disc of `radius_px` holds most likeness, best first, no two
/// nearer than the radius.
pub(crate) fn centres(likeness: &[f32], width: usize, radius_px: f32, most: usize) -> Vec<[f32; 2]> {
    let height = likeness.len() / width;
    let reach = radius_px.ceil() as i32;
    let sums = integral(likeness, width);
    let box_sum = |x: i32, y: i32| {
        let clamp = |v: i32, end: usize| v.clamp(0, end as i32) as usize;
        let (x0, x1) = (clamp(x - reach, width), clamp(x + reach + 1, width));
        let (y0, y1) = (clamp(y - reach, height), clamp(y + reach + 1, height));
        let at = |x: usize, y: usize| sums[y * (width + 1) + x];
        at(x1, y1) + at(x0, y0) - at(x1, y0) - at(x0, y1)
    };
    let mut left: Vec<(f32, i32, i32)> = (0..height as i32)
        .flat_map(|y| (0..width as i32).map(move |x| (x, y)))
        .map(|(x, y)| (box_sum(x, y), x, y))
        .filter(|(sum, ..)| *sum > 0.15 * (2.0 * radius_px).powi(2))
        .collect();
    left.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)).then(a.1.cmp(&b.1)));
    let mut chosen: Vec<[f32; 2]> = Vec::new();
    for (_, x, y) in left {
        let centre = centroid(likeness, width, [x, y], reach);
        let apart = |other: &[f32; 2]| {
            (other[0] - centre[0]).hypot(other[1] - centre[1]) > 1.4 * radius_px
                && (other[0] - x as f32).hypot(other[1] - y as f32) > 1.4 * radius_px
        };
        if chosen.iter().all(apart) {
            chosen.push(centre);
            if chosen.len() == most {
                break;
            }
        }
    }
    chosen
}

fn centroid(likeness: &[f32], width: usize, [x, y]: [i32; 2], reach: i32) -> [f32; 2] {
    let height = (likeness.len() / width) as i32;
    let (mut sx, mut sy, mut sum) = (0f32, 0f32, 0f32);
    for py in (y - reach).max(0)..(y + reach + 1).min(height) {
        for px in (x - reach).max(0)..(x + reach + 1).min(width as i32) {
            let weight = likeness[py as usize * width + px as usize];
            sx += weight * px as f32;
            sy += weight * py as f32;
            sum += weight;
        }
    }
    [sx / sum.max(1e-6), sy / sum.max(1e-6)]
}

fn integral(values: &[f32], width: usize) -> Vec<f32> {
    let height = values.len() / width;
    let mut sums = vec![0f32; (width + 1) * (height + 1)];
    for y in 0..height {
        let mut row = 0.0;
        for x in 0..width {
            row += values[y * width + x];
            sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_blobs_give_two_centres() {
        let width = 100;
        let mut likeness = vec![0f32; width * 60];
        for (cx, cy) in [(20, 30), (70, 20)] {
            for y in cy - 5..cy + 6 {
                for x in cx - 8..cx + 9 {
                    likeness[y * width + x] = 0.9;
                }
            }
        }
        let mut found = centres(&likeness, width, 9.0, 4);
        found.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!((found[0][0] - 20.0).abs() < 1.0 && (found[1][1] - 20.0).abs() < 1.0, "{found:?}");
    }

    #[test]
    fn an_unchanged_picture_has_no_centre() {
        assert!(centres(&vec![0.0; 6000], 100, 9.0, 4).is_empty());
    }
}
