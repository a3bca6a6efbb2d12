use crate::{
    levels::Level,
    pixel::{Pixel, bin, change_squared, distance},
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
    height: usize,
    /// 0 to 1 a pixel (it changed, it is no hand, and its colour is likelier under the tools' colours than in the photo),
    /// summed from the upper left; and the same times the pixel's column and row.
    of_tool: Integral,
    by_column: Integral,
    by_row: Integral,
    /// The same of the pixels that have each of the tools' colours.
    of_colours: Vec<Integral>,
}

/// Looks for the tools' colours, `palette`, in a frame.
pub(crate) fn likeness(palette: &[Pixel], frame: &Level, photo: &Level) -> Likeness {
    let mut histogram = vec![1e-4f32; BINS * BINS * BINS];
    let share = 1.0 / (photo.width * photo.height) as f32;
    for pixel in &photo.rgb {
        histogram[bin::<BINS>(*pixel)] += share;
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
        of_tool[at] = under_tool / (under_tool + histogram[bin::<BINS>(*pixel)]);
        of_colour[colour][at] = of_tool[at];
    }
    Likeness::new(frame.width, &of_tool, &of_colour)
}

impl Likeness {
    fn new(width: usize, of_tool: &[f32], of_colours: &[Vec<f32>]) -> Self {
        Self {
            width,
            height: of_tool.len() / width,
            of_tool: Integral::of(width, of_tool, |_, _| 1.0),
            by_column: Integral::of(width, of_tool, |x, _| x as f32),
            by_row: Integral::of(width, of_tool, |_, y| y as f32),
            of_colours: of_colours.iter().map(|values| Integral::of(width, values, |_, _| 1.0)).collect(),
        }
    }

    /// A square as the corners of sums, within the picture.
    fn square(&self, [x, y]: [i32; 2], reach: i32) -> Corners {
        let clamp = |v: i32, end: usize| v.clamp(0, end as i32) as usize;
        let [x0, x1] = [x - reach, x + reach + 1].map(|v| clamp(v, self.width));
        let [y0, y1] = [y - reach, y + reach + 1].map(|v| clamp(v, self.height));
        let at = |x: usize, y: usize| y * (self.width + 1) + x;
        [at(x1, y1), at(x0, y0), at(x1, y0), at(x0, y1)]
    }

    /// The mean place of what looks like a tool in a square.
    fn centroid(&self, square: Corners) -> [f32; 2] {
        let all = self.of_tool.within(square).max(1e-6);
        [&self.by_column, &self.by_row].map(|sums| sums.within(square) / all)
    }
}

/// Values a pixel, summed from the upper left: one more a row and a column.
struct Integral(Vec<f32>);

/// The lower right, upper left, upper right and lower left of a square in an [`Integral`].
type Corners = [usize; 4];

impl Integral {
    fn of(width: usize, values: &[f32], weight: impl Fn(usize, usize) -> f32) -> Self {
        let mut sums = vec![0f32; (width + 1) * (values.len() / width + 1)];
        for (y, line) in values.chunks_exact(width).enumerate() {
            let mut row = 0.0;
            for (x, value) in line.iter().enumerate() {
                row += value * weight(x, y);
                sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
            }
        }
        Self(sums)
    }

    #[inline]
    fn within(&self, [lower_right, upper_left, upper_right, lower_left]: Corners) -> f32 {
        self.0[lower_right] + self.0[upper_left] - self.0[upper_right] - self.0[lower_left]
    }
}

/// Returns up to `most` pixels around which a square of `radius_px` holds most likeness, best first, no two
/// nearer than the radius. A single colour does not count for more than its part of the square: a dark sleeve is no
/// tool with dark print.
pub(crate) fn centres(likeness: &Likeness, radius_px: f32, most: usize) -> Vec<[f32; 2]> {
    let reach = radius_px.ceil() as i32;
    let area = (2.0 * radius_px).powi(2);
    let colours = likeness.of_colours.len().max(1) as f32;
    let most_of_a_colour = area * (1.0 / colours + COLOUR_SLACK).min(1.0) * FILLED;
    let least = LEAST_FILLED * area;
    let filled = |at: [i32; 2]| -> Option<f32> {
        let square = likeness.square(at, reach);
        // Most squares hold too little of all colours together.
        (likeness.of_tool.within(square) > least)
            .then(|| likeness.of_colours.iter().map(|sums| sums.within(square).min(most_of_a_colour)).sum())
            .filter(|filled| *filled > least)
    };
    let mut left: Vec<(f32, i32, i32)> = (0..likeness.height as i32)
        .flat_map(|y| (0..likeness.width as i32).map(move |x| (x, y)))
        .filter_map(|(x, y)| Some((filled([x, y])?, x, y)))
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
        let centre = likeness.centroid(likeness.square([x, y], reach));
        if is_free(centre) {
            chosen.push(centre);
            if chosen.len() == most {
                break;
            }
        }
    }
    chosen
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
        let mut found = centres(&Likeness::new(width, &likeness, &of_colour), 9.0, 4);
        found.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!((found[0][0] - 20.0).abs() < 1.0 && (found[1][1] - 20.0).abs() < 1.0, "{found:?}");
    }

    #[test]
    fn an_unchanged_picture_has_no_centre() {
        let nothing = vec![0.0; 6000];
        assert!(centres(&Likeness::new(100, &nothing, std::slice::from_ref(&nothing)), 9.0, 4).is_empty());
    }
}
