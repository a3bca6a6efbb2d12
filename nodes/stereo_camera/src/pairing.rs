use dreamitate_geometry::View;
use std::collections::VecDeque;

/// Frames that wait for their partner, at most; more mean that the other camera is silent.
const MOST_WAITING: usize = 8;

/// A picture, or whatever stands for one, with the time at which it was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamped<T> {
    /// Since the epoch, nanoseconds.
    pub stamp_ns: i64,
    /// What was taken then.
    pub item: T,
}

/// How well two cameras keep step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairingCount {
    /// Pairs so far.
    pub pairs: u64,
    /// The largest difference of a pair's stamps, nanoseconds.
    pub worst_gap_ns: i64,
    /// Frames of the top camera that found no partner.
    pub unpaired_top: u64,
    /// Frames of the side camera that found no partner.
    pub unpaired_side: u64,
}

/// Joins the frames of two cameras that were taken at the same time.
#[derive(Debug)]
pub struct Pairing<T> {
    tolerance_ns: i64,
    waiting: [VecDeque<Stamped<T>>; 2],
    count: PairingCount,
}

impl<T> Pairing<T> {
    /// A pair's stamps differ by `tolerance_ns` at most. For cameras that run freely that is half a period.
    pub fn new(tolerance_ns: i64) -> Self {
        Self { tolerance_ns, waiting: Default::default(), count: PairingCount::default() }
    }

    /// How it went so far.
    pub fn count(&self) -> PairingCount {
        self.count
    }

    /// Takes a camera's next frame, and gives the pair that it completes, top first.
    ///
    /// A frame is given up when its partner can no longer come: the other camera is further on already. A frame that is
    /// not later than the one before (a camera that began anew) lets go what waits of that camera.
    pub fn push(&mut self, view: View, frame: Stamped<T>) -> Option<[Stamped<T>; 2]> {
        let index = view.index();
        let queue = &mut self.waiting[index];
        if queue.back().is_some_and(|last| last.stamp_ns >= frame.stamp_ns) {
            let given_up = queue.len();
            queue.clear();
            self.give_up(index, given_up);
        }
        self.waiting[index].push_back(frame);
        while let [Some(top), Some(side)] = [self.waiting[0].front(), self.waiting[1].front()] {
            let gap_ns = top.stamp_ns.saturating_sub(side.stamp_ns);
            if gap_ns.saturating_abs() <= self.tolerance_ns {
                self.count.pairs += 1;
                self.count.worst_gap_ns = self.count.worst_gap_ns.max(gap_ns.abs());
                let [top, side] = [self.waiting[0].pop_front(), self.waiting[1].pop_front()];
                return top.zip(side).map(|(top, side)| [top, side]);
            }
            let earlier = usize::from(gap_ns > 0);
            self.waiting[earlier].pop_front();
            self.give_up(earlier, 1);
        }
        if self.waiting[index].len() > MOST_WAITING {
            self.waiting[index].pop_front();
            self.give_up(index, 1);
        }
        None
    }

    fn give_up(&mut self, index: usize, frames: usize) {
        let unpaired = if index == 0 { &mut self.count.unpaired_top } else { &mut self.count.unpaired_side };
        *unpaired += frames as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    /// The pairs' stamps in ms, from stamps in ms in the order in which they come.
    fn pairs(tolerance_ms: i64, frames: &[(View, i64)]) -> (Vec<[i64; 2]>, PairingCount) {
        let mut pairing = Pairing::new(tolerance_ms * MS);
        let found = frames
            .iter()
            .filter_map(|&(view, ms)| pairing.push(view, Stamped { stamp_ns: ms * MS, item: () }))
            .map(|pair| pair.map(|frame| frame.stamp_ns / MS))
            .collect();
        (found, pairing.count())
    }

    #[test]
    fn what_was_taken_together_is_a_pair_in_whatever_order_it_comes() {
        use View::{Side, Top};
        let (found, count) =
            pairs(16, &[(Top, 0), (Top, 33), (Side, 4), (Side, 38), (Side, 71), (Top, 66), (Top, 100)]);
        assert_eq!(found, [[0, 4], [33, 38], [66, 71]]);
        let worst_gap_ns = 5 * MS;
        assert_eq!(count, PairingCount { pairs: 3, worst_gap_ns, unpaired_top: 0, unpaired_side: 0 });
    }

    #[test]
    fn a_lost_frame_costs_its_partner_and_no_more() {
        use View::{Side, Top};
        let (found, count) =
            pairs(16, &[(Top, 0), (Side, 1), (Top, 33), (Top, 66), (Side, 67), (Side, 99), (Top, 100)]);
        assert_eq!(found, [[0, 1], [66, 67], [100, 99]]);
        assert_eq!((count.unpaired_top, count.unpaired_side), (1, 0));
    }

    #[test]
    fn a_silent_camera_does_not_fill_the_memory() {
        let frames: Vec<_> = (0..100).map(|k| (View::Side, 33 * k)).collect();
        let (found, count) = pairs(16, &frames);
        assert_eq!((found.len(), count.unpaired_side), (0, 100 - MOST_WAITING as u64));
    }

    #[test]
    fn a_camera_that_begins_anew_is_followed() {
        use View::{Side, Top};
        let (found, count) = pairs(16, &[(Top, 1000), (Top, 0), (Side, 3)]);
        assert_eq!(found, [[0, 3]]);
        assert_eq!(count.unpaired_top, 1);
    }
}
