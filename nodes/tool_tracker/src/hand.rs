use crate::look::{Cover, Look};

/// How far a hand's mask is eroded, so that specks go, and a glove's, so that print in its colour goes, pixels.
const SPECK_PX: usize = 1;
const PRINT_PX: usize = 3;
/// How much farther a mask reaches than what it covers, pixels.
const MARGIN_PX: usize = 2;

/// Which pixels show what may be before a tool, row by row, each opened and dilated.
#[derive(Clone, Debug)]
pub(crate) struct Masks {
    /// Hands and what came with them.
    pub hands: Vec<bool>,
    /// These, and shades of their colour.
    pub shades: Vec<bool>,
    /// Gloves that have a colour of the tools; empty if there are none.
    pub gloves: Vec<bool>,
}

/// Returns what a frame of `width` columns after a photo shows before the tools.
pub(crate) fn hand_masks(frame: &[[u8; 4]], photo: &[[u8; 4]], width: usize, look: &Look) -> Masks {
    let size = [width, frame.len() / width];
    let covers: Vec<Cover> =
        frame.iter().zip(photo).map(|(pixel, before)| look.covers(*pixel, *before)).collect();
    let hands = opened(&covers, size, SPECK_PX, |cover| cover == Cover::Hand);
    let shades = match covers.contains(&Cover::Shade) {
        true => opened(&covers, size, SPECK_PX, |cover| matches!(cover, Cover::Hand | Cover::Shade)),
        false => hands.clone(),
    };
    let gloves = match covers.contains(&Cover::Glove) {
        true => opened(&covers, size, PRINT_PX, |cover| cover == Cover::Glove),
        false => Vec::new(),
    };
    Masks { hands, shades, gloves }
}

/// The pixels that are `meant`, eroded by `radius` pixels and dilated by as much, so that what is thinner goes, and dilated by
/// the margin.
fn opened(covers: &[Cover], [w, h]: [usize; 2], radius: usize, meant: impl Fn(Cover) -> bool) -> Vec<bool> {
    let mut scratch = Vec::new();
    let mut mask: Vec<bool> = covers.iter().map(|cover| !meant(*cover)).collect();
    dilate(&mut mask, w, h, radius, &mut scratch);
    mask.iter_mut().for_each(|hand| *hand = !*hand);
    dilate(&mut mask, w, h, radius + MARGIN_PX, &mut scratch);
    mask
}

/// Dilates by a square of `2·radius + 1` pixels. Laid over itself, shifted by one pixel more than it has grown, a mask has no gaps:
/// few steps reach far.
pub(crate) fn dilate(mask: &mut [bool], w: usize, h: usize, radius: usize, scratch: &mut Vec<bool>) {
    let mut grown = 0;
    while grown < radius {
        let shift = (grown + 1).min(radius - grown);
        grown += shift;
        scratch.clear();
        scratch.extend_from_slice(mask);
        let across = shift.min(w);
        for (row, out) in scratch.chunks_exact(w).zip(mask.chunks_exact_mut(w)) {
            out[across..].iter_mut().zip(row).for_each(|(out, near)| *out |= near);
            out.iter_mut().zip(&row[across..]).for_each(|(out, near)| *out |= near);
        }
        scratch.copy_from_slice(mask);
        let down = shift.min(h) * w;
        mask[down..].iter_mut().zip(&*scratch).for_each(|(out, near)| *out |= near);
        mask.iter_mut().zip(&scratch[down..]).for_each(|(out, near)| *out |= near);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_of_skin_is_found_and_a_speck_is_not() {
        let table = [20, 25, 30, 0];
        let mut frame = [table; 1600];
        for y in 10..20 {
            frame[y * 40 + 10..y * 40 + 20].fill([200, 150, 130, 0]);
        }
        frame[30 * 40 + 30] = [200, 150, 130, 0];
        let mask = hand_masks(&frame, &[table; 1600], 40, &Look::plain(&[])).hands;
        assert!(mask[15 * 40 + 15]);
        assert!(!mask[30 * 40 + 30]);
        assert!(!mask[5 * 40 + 30]);
    }
}
