use crate::{
    appearance::{Appearance, facet_colour},
    hand::dilate,
    levels::{Levels, Photo, Scale},
    pixel::{Pixel, bin, change_squared, difference, distance, norm_squared},
    refine::Refined,
    region::SAME_COLOUR,
    synthesis::Synthesis,
    view_model::ViewModel,
};
use dreamitate_render::{ToolModel, Window};
use std::sync::Arc;

/// What stays the same in all frames of a clip: the photo, and how the camera shows colours.
#[derive(Clone, Debug)]
pub(crate) struct Shot {
    pub photo: Arc<Photo>,
    pub look: Look,
}

/// How a clip shows the tools and the hands.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// Factor of each channel by which the clip's light differs from the one in which the tools' colours are known.
    light: Pixel,
    /// For each tool its facets' printed colours in the clip's light.
    pub printed: Vec<Vec<Pixel>>,
    /// All of them, each once.
    pub palette: Vec<Pixel>,
    /// The colours in which facets were seen.
    shown: Vec<Pixel>,
    /// The colours of hands and of what else came with them; none before they were seen.
    hands: Option<Colours>,
    /// Whether all tools have print, by which they are told from gloves in one of their colours.
    has_print: bool,
}

/// What may be before a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    Nothing,
    /// A shadow on a table of a hand's colour, or a hand that looks like one: where a tool should be, a hand.
    Shade,
    /// A glove in a colour that the tools have too, or the tool: where the tool should have another colour, a glove.
    Glove,
    /// A hand, or something else that came with the tools.
    Hand,
}

/// How common colours are: shares of pixels in cubes of colours, each with its neighbours.
#[derive(Clone, Debug)]
struct Colours(Vec<f32>);

/// Cubes of colours along each channel.
const BINS: usize = 16;
/// What is as near to a tool's outline may still be the tool, pixels of the half-size picture.
const BORDER_PX: usize = 3;
/// Fewer pixels are no hand.
const MIN_HAND_PIXELS: usize = 200;
/// A pixel that differs from the photo by less is the table's, whatever its colour, levels.
const CHANGED: f32 = 25.0;
/// A shade in a hand's colour differs from the photo by more, levels.
const SHADE_CHANGED: i32 = 18;
/// A colour of hands fills this part of what came with the tools.
const COMMON: f32 = 0.06;
/// A pixel that is as near to one of the tool's colours is the tool's, levels.
const OF_TOOL: f32 = 30.0;
/// A hand whose colour had to be learnt is farther than this from the printed colours in the clip's light, and from those in
/// which facets were seen, levels.
const UNLIKE_PRINTED: f32 = 60.0;
const UNLIKE_SHOWN: f32 = 45.0;
/// The light of a clip differs by no more.
const LIGHT: (f32, f32) = (0.7, 1.35);
/// A facet farther from its colour in the fitted light does not tell the light, levels.
const OTHERWISE_LIT: f32 = 60.0;

impl Look {
    /// The look of a clip of which nothing is known.
    pub fn plain(tools: &[ToolModel]) -> Self {
        Self::in_light(tools, 1.0)
    }

    /// The look of a clip in a light that is brighter or dimmer than usual.
    pub fn in_light(tools: &[ToolModel], factor: f32) -> Self {
        Self::lit(tools, [factor, factor, factor, 0.0], Vec::new(), None)
    }

    fn lit(tools: &[ToolModel], light: Pixel, shown: Vec<Pixel>, hands: Option<Colours>) -> Self {
        let colour = |facet| -> Pixel {
            let printed = facet_colour(facet);
            std::array::from_fn(|c| (light[c] * printed[c]).min(255.0))
        };
        let printed: Vec<Vec<Pixel>> =
            tools.iter().map(|tool| tool.facet_list().map(colour).collect()).collect();
        let mut palette: Vec<Pixel> = Vec::new();
        for colour in printed.iter().flatten() {
            if !palette.contains(colour) {
                palette.push(*colour);
            }
        }
        let has_print = tools.iter().all(has_print);
        Self { light, palette, printed, shown, hands, has_print }
    }

    /// The look of a clip as one of its frames shows it, in which all tools are found.
    pub fn seen(model: &ViewModel, frame: &Levels, photo: &Photo, found: &[Refined]) -> Self {
        let (level, before) = (frame.at(Scale::Half), photo.levels.at(Scale::Half));
        let camera = Scale::Half.camera(&model.camera);
        let mut outlines = vec![false; level.rgb.len()];
        let (mut image, mut valid) = (Vec::new(), Vec::new());
        let (mut drawing, mut appearance) = (Synthesis::default(), Appearance::default());
        let mut facets: Vec<(Pixel, Pixel, f32)> = Vec::new();
        for (tool, found) in model.tools.iter().zip(found) {
            let Some(window) = Window::around(&tool.mesh, &camera, &found.pose, 4) else { continue };
            if !drawing.draw(tool, &camera, &found.pose, window) {
                continue;
            }
            level.crop_rgb(window, &mut image);
            level.crop_valid(window, &level.masks.hands, &mut valid);
            let printed: Vec<Pixel> = tool.facet_list().map(facet_colour).collect();
            appearance.fit(&printed, &drawing, &image, &valid, window.width);
            facets.extend(
                printed
                    .iter()
                    .zip(appearance.medians())
                    .filter_map(|(printed, (seen, count))| Some((*printed, seen?, count as f32))),
            );
            for (at, coverage) in drawing.coverage.iter().enumerate() {
                if *coverage > 0 || drawing.hides(at) {
                    let [x, y] = [at % window.width, at / window.width].map(|v| v as i32);
                    if let Some(inside) = level.index(window.x_px + x, window.y_px + y) {
                        outlines[inside] = true;
                    }
                }
            }
        }
        dilate(&mut outlines, level.width, level.height, BORDER_PX, &mut Vec::new());
        let light = light_of(&facets);
        let shown = facets
            .iter()
            .filter(|(printed, seen, _)| {
                distance(std::array::from_fn(|c| light[c] * printed[c]), *seen) < OTHERWISE_LIT
            })
            .map(|(_, seen, _)| *seen)
            .collect();
        let mut counts = vec![0f32; BINS * BINS * BINS];
        let mut count = 0;
        for (at, outline) in outlines.iter().enumerate() {
            if !outline && change_squared(level.colour(at), before.colour(at)) > CHANGED * CHANGED {
                counts[bin::<BINS>(level.rgb[at])] += 1.0;
                count += 1;
            }
        }
        let hands = (count >= MIN_HAND_PIXELS).then(|| Colours::smoothed(&counts, count as f32));
        Self::lit(&model.tools, light, shown, hands)
    }

    /// What a pixel shows before the tools.
    #[inline]
    pub fn covers(&self, seen: [u8; 4], before: [u8; 4]) -> Cover {
        let difference = |channel: usize| i32::from(seen[channel]) - i32::from(before[channel]);
        let squared: i32 = (0..3).map(|channel| difference(channel).pow(2)).sum();
        if squared <= SHADE_CHANGED * SHADE_CHANGED {
            return Cover::Nothing;
        }
        if self.is_hand(seen) {
            let is_shade = change_squared(seen.map(f32::from), before.map(f32::from)) <= CHANGED * CHANGED;
            if is_shade { Cover::Shade } else { Cover::Hand }
        } else if self.has_print && self.came_with_tools(seen) {
            Cover::Glove
        } else {
            Cover::Nothing
        }
    }

    /// Whether a colour is that of a hand, or of something else that came with the tools.
    #[inline]
    fn is_hand(&self, seen: [u8; 4]) -> bool {
        let colour = seen.map(f32::from);
        let unlike = |colours: &[Pixel], levels: f32| {
            colours.iter().all(|other| norm_squared(difference(*other, colour)) > levels * levels)
        };
        self.is_skin(colour) && unlike(&self.palette, OF_TOOL)
            || self.came_with_tools(seen)
                && unlike(&self.palette, UNLIKE_PRINTED)
                && unlike(&self.shown, UNLIKE_SHOWN)
    }

    /// Whether a colour is common in what came with the tools, hands or gloves.
    #[inline]
    pub fn came_with_tools(&self, seen: [u8; 4]) -> bool {
        self.hands.as_ref().is_some_and(|Colours(shares)| shares[bin::<BINS>(seen)] > COMMON)
    }

    fn is_skin(&self, seen: Pixel) -> bool {
        let [r, g, b]: [f32; 3] = std::array::from_fn(|c| seen[c] / self.light[c]);
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        let cr = 128.0 + 0.713 * (r - y);
        let cb = 128.0 + 0.564 * (b - y);
        y > 35.0 && cr > 137.0 && cr < 185.0 && cb > 85.0 && cb < 130.0
    }
}

impl Colours {
    fn smoothed(counts: &[f32], all: f32) -> Self {
        let near = |v: usize| v.saturating_sub(1)..(v + 2).min(BINS);
        let share = |at: usize| {
            let (r, g, b) = (at / BINS / BINS, at / BINS % BINS, at % BINS);
            let mut sum = 0.0;
            for r in near(r) {
                for g in near(g) {
                    for b in near(b) {
                        sum += counts[(r * BINS + g) * BINS + b];
                    }
                }
            }
            sum / all
        };
        Self((0..counts.len()).map(share).collect())
    }
}

/// Whether what is tracked of a tool is of more than one colour.
fn has_print(tool: &ToolModel) -> bool {
    let mut colours = tool.facets.list().iter().map(facet_colour);
    let first = colours.next();
    colours.any(|colour| first.is_some_and(|first| distance(first, colour) > SAME_COLOUR))
}

/// The light in which facets (printed colour, colour seen, pixels) are seen so.
fn light_of(facets: &[(Pixel, Pixel, f32)]) -> Pixel {
    let mut light = [1.0, 1.0, 1.0, 0.0];
    for pass in 0..3 {
        let (mut seen_sum, mut printed_sum) = ([0f32; 3], [0f32; 3]);
        for (printed, seen, count) in facets {
            let lit: Pixel = std::array::from_fn(|c| light[c] * printed[c]);
            if pass > 0 && distance(lit, *seen) > OTHERWISE_LIT {
                continue;
            }
            for c in 0..3 {
                seen_sum[c] += count * seen[c] * printed[c];
                printed_sum[c] += count * printed[c] * printed[c];
            }
        }
        for c in 0..3 {
            if printed_sum[c] > 0.0 {
                light[c] = (seen_sum[c] / printed_sum[c]).clamp(LIGHT.0, LIGHT.1);
            }
        }
    }
    light
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINT: [Pixel; 4] = [
        [10.0, 105.0, 196.0, 0.0],
        [245.0, 246.0, 248.0, 0.0],
        [53.0, 48.0, 60.0, 0.0],
        [160.0, 157.0, 170.0, 0.0],
    ];

    fn look() -> Look {
        Look { palette: PRINT.into(), ..Look::plain(&[]) }
    }

    fn levels(colour: Pixel) -> [u8; 4] {
        colour.map(|level| level.round() as u8)
    }

    #[test]
    fn skin_of_all_tones_is_a_hand_and_print_is_not() {
        for skin in [[222, 184, 168, 0], [198, 150, 122, 0], [150, 104, 78, 0], [92, 62, 48, 0]] {
            assert!(look().is_hand(skin), "{skin:?}");
            let [r, g, b, _] = skin.map(f32::from);
            assert!(!Look { palette: vec![[r + 9.0, g, b, 0.0]], ..look() }.is_hand(skin));
        }
        for colour in PRINT {
            assert!(!look().is_hand(levels(colour)), "{colour:?}");
        }
    }

    #[test]
    fn on_a_table_of_its_colour_a_hand_may_be_a_shade() {
        let covers = |before: [u8; 4]| look().covers([150, 104, 78, 0], before);
        assert_eq!(covers([120, 122, 124, 0]), Cover::Hand);
        assert_eq!(covers([150, 104, 78, 0]), Cover::Nothing);
        assert_eq!(covers([158, 110, 84, 0]), Cover::Nothing, "noise");
        assert_eq!(covers([170, 118, 90, 0]), Cover::Shade);
    }

    #[test]
    fn in_tinted_light_skin_is_still_skin() {
        let light = [0.76, 1.0, 1.15, 0.0];
        let seen = levels(std::array::from_fn(|c| light[c] * [150.0, 104.0, 78.0, 0.0][c]));
        assert!(!look().is_hand(seen));
        assert!(Look { light, ..look() }.is_hand(seen));
    }

    #[test]
    fn a_glove_is_learnt_from_what_came_with_the_tools() {
        let (glove, print) = ([40, 170, 60, 0], levels(PRINT[0]));
        let mut counts = vec![0.0; BINS * BINS * BINS];
        counts[bin::<BINS>(glove)] = 300.0;
        counts[bin::<BINS>(print)] = 700.0;
        let learnt = Look { hands: Some(Colours::smoothed(&counts, 1000.0)), ..look() };
        assert!(!look().is_hand(glove) && learnt.is_hand(glove));
        assert!(!learnt.is_hand(print), "print is the tool's, however much of it is seen elsewhere");
        assert!(!Look { shown: vec![[50.0, 160.0, 70.0, 0.0]], ..learnt }.is_hand(glove));
    }

    #[test]
    fn a_glove_in_the_colour_of_print_may_be_either() {
        let mut counts = vec![0.0; BINS * BINS * BINS];
        counts[bin::<BINS>(levels(PRINT[1]))] = 500.0;
        counts[bin::<BINS>([150, 104, 78, 0])] = 500.0;
        let learnt = Look { hands: Some(Colours::smoothed(&counts, 1000.0)), ..look() };
        let covers = |look: &Look, seen: Pixel| look.covers(levels(seen), [90; 4]);
        assert_eq!(covers(&learnt, PRINT[1]), Cover::Glove);
        assert_eq!(covers(&learnt, PRINT[0]), Cover::Nothing, "no hand had that colour");
        assert_eq!(covers(&look(), PRINT[1]), Cover::Nothing, "no hand was seen");
    }

    #[test]
    fn most_facets_tell_the_light_and_a_covered_one_does_not() {
        let light = [0.82, 0.97, 1.06, 0.0];
        let lit =
            |printed: Pixel, count: f32| (printed, std::array::from_fn(|c| light[c] * printed[c]), count);
        let mut facets: Vec<_> =
            PRINT.iter().zip([200.0, 300.0, 150.0, 60.0]).map(|(p, n)| lit(*p, n)).collect();
        facets.push((PRINT[1], [30.0, 30.0, 30.0, 0.0], 80.0));
        let found = light_of(&facets);
        assert!(distance(found, light) < 0.02, "{found:?}");
        assert_eq!(light_of(&[]), [1.0, 1.0, 1.0, 0.0]);
    }
}
