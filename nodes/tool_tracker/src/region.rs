use crate::{
    levels::Level,
    pixel::{Pixel, change_squared, distance},
};

/// A pixel that differs from the photo by less than this is the photo's, levels.
const CHANGED: f32 = 30.0;
/// How far a picture's colour may lie from a printed one, one standard deviation, levels.
const COLOUR_SPREAD: f32 = 40.0;
/// Printed colours that are nearer than this count as one, levels.
pub(crate) const SAME_COLOUR: f32 = 60.0;
/// How much more of a square a colour may fill than its equal part; and how much of a square a tool fills.
const COLOUR_SLACK: f32 = 0.1;
const FILLED: f32 = 0.6;
/// A square that is filled less shows no tool.
const LEAST_FILLED: f32 = 0.15;
/// Bins of the photo's histogram along each channel.
const BINS: usize = 8;

/// How much each pixel of a quarter-size picture looks like a tool that was not in the photo.
pub(crate) struct Likeness {
    width: usize,
    /// 0 to 1 a pixel: it changed, it is no hand, and its colour is likelier under the tools' colours than in the photo.
    of_tool: Vec<f32>,
    /// `of_tool` summed from the upper left.
    sum: Vec<f32>,
    /// For each colour of the tools the same of the pixels that have it.
    sums: Vec<Vec<f32>>,
}

/// Looks for the tools' colours, `palette`, in a frame.
pub(crate) fn likeness(palette: &[Pixel], frame: &Level, photo: &Level) -> Likeness {
    let mut histogram = vec![1e-4f32; BINS * BINS * BINS];
    let share = 1.0 / (photo.width * photo.height) as f32;
    for pixel in &photo.rgb {
        histogram[bin(pixel)] += share;
    }
    let mut colours: Vec<Pixel> = Vec::new();
    for colour in palette {
        if colours.iter().all(|known| distance(*known, *colour) > SAME_COLOUR) {
            colours.push(*colour);
        }
    }
    let mut of_tool = vec![0f32; frame.rgb.len()];
    let mut of_colour = vec![vec![0f32; frame.rgb.len()]; colours.len()];
    for (at, ((pixel, before), &hand)) in frame.rgb.iter().zip(&photo.rgb).zip(&frame.masks.hands).enumerate()
    {
        let seen: Pixel = pixel.map(f32::from);
        if hand || change_squared(seen, before.map(f32::from)) < CHANGED * CHANGED {
            continue;
        }
        let distances = colours.iter().map(|colour| distance(*colour, seen)).enumerate();
        let Some((colour, nearest)) = distances.min_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
        // Both as shares of a bin's volume of colours.
        let under_tool = (-0.5 * (nearest / COLOUR_SPREAD).powi(2)).exp() / colours.len() as f32;
        of_tool[at] = under_tool / (under_tool + histogram[bin(pixel)]);
        of_colour[colour][at] = of_tool[at];
    }
    Likeness::new(frame.width, of_tool, &of_colour)
}

impl Likeness {
    fn new(width: usize, of_tool: Vec<f32>, of_colour: &[Vec<f32>]) -> Self {
        let sum = integral(&of_tool, width);
        let sums = of_colour.iter().map(|values| integral(values, width)).collect();
        Self { width, of_tool, sum, sums }
    }
}

fn bin(pixel: &[u8; 4]) -> usize {
    let part = |v: u8| usize::from(v) * BINS / 256;
    (part(pixel[0]) * BINS + part(pixel[1])) * BINS + part(pixel[2])
}

/// Returns up to `most` pixels around which a square of `radius_px` holds most likeness, best first, no two
/// nearer than the radius. A single colour does not count for more than its part of the square: a dark sleeve is no
/// tool with dark print.
pub(crate) fn centres(likeness: &Likeness, radius_px: f32, most: usize) -> Vec<[f32; 2]> {
    let width = likeness.width;
    let height = likeness.of_tool.len() / width;
    let reach = radius_px.ceil() as i32;
    let area = (2.0 * radius_px).powi(2);
    let most_of_a_colour = area * (1.0 / likeness.sums.len().max(1) as f32 + COLOUR_SLACK).min(1.0) * FILLED;
    let clamp = |v: i32, end: usize| v.clamp(0, end as i32) as usize;
    let least = LEAST_FILLED * area;
    let in_square = |x: i32, y: i32| -> Option<f32> {
        let (x0, x1) = (clamp(x - reach, width), clamp(x + reach + 1, width));
        let (y0, y1) = (clamp(y - reach, height), clamp(y + reach + 1, height));
        let sum = |sums: &[f32]| {
            let at = |x: usize, y: usize| sums[y * (width + 1) + x];
            at(x1, y1) + at(x0, y0) - at(x1, y0) - at(x0, y1)
        };
        // Most squares hold too little of all colours together.
        (sum(&likeness.sum) > least)
            .then(|| likeness.sums.iter().map(|sums| sum(sums).min(most_of_a_colour)).sum())
            .filter(|filled| *filled > least)
    };
    let mut left: Vec<(f32, i32, i32)> = (0..height as i32)
        .flat_map(|y| (0..width as i32).map(move |x| (x, y)))
        .filter_map(|(x, y)| Some((in_square(x, y)?, x, y)))
        .collect();
    left.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)).then(a.1.cmp(&b.1)));
    let mut chosen: Vec<[f32; 2]> = Vec::new();
    for (_, x, y) in left {
        let is_free = |at: [f32; 2]| {
            chosen.iter().all(|other| (other[0] - at[0]).hypot(other[1] - at[1]) > 1.4 * radius_px)
        };
        if !is_free([x as f32, y as f32]) {
            continue;
        }
        let centre = centroid(&likeness.of_tool, width, [x, y], reach);
        if is_free(centre) {
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
        let of_colour = [likeness.clone()];
        let mut found = centres(&Likeness::new(width, likeness, &of_colour), 9.0, 4);
        found.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!((found[0][0] - 20.0).abs() < 1.0 && (found[1][1] - 20.0).abs() < 1.0, "{found:?}");
    }

    #[test]
    fn an_unchanged_picture_has_no_centre() {
        let nothing = vec![0.0; 6000];
        assert!(centres(&Likeness::new(100, nothing.clone(), &[nothing]), 9.0, 4).is_empty());
    }
}
