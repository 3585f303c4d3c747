//! Probabilities of who is whose in a small ambiguous group: joint association events, counted out.
//!
//! Joint integrated probabilistic data association (Musicki and Evans 2004), of which only the likeliest event is kept among
//! those that use the same tracks and the same detections in another order (JPDA*, Blom and Bloem 2000): people who pass
//! each other would otherwise be drawn together.

/// The most tracks of a group,
pub(crate) const GROUP_TRACKS: usize = 4;
/// and the most detections; a larger group is told apart by assignment alone. At most 1045 events.
pub(crate) const GROUP_DETECTIONS: usize = 6;
/// Sets of tracks times sets of detections.
const KINDS: usize = 1 << (GROUP_TRACKS + GROUP_DETECTIONS);

/// A group: how much likelier each pair is than a false alarm, and what it says of a track that it was not detected.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Group {
    pub tracks: usize,
    pub detections: usize,
    /// Existence times detection probability times density over clutter density; zero outside the gate.
    pub ratio: [[f64; GROUP_DETECTIONS]; GROUP_TRACKS],
    /// One less existence times detection probability.
    pub missed: [f64; GROUP_TRACKS],
}

/// By track, the probability that each detection is its own.
pub(crate) type Shares = [[f64; GROUP_DETECTIONS]; GROUP_TRACKS];

/// Buffers.
#[derive(Clone, Debug)]
pub(crate) struct Joint {
    /// By kind: weight of the likeliest event, and the detection of every track in it.
    best: Vec<(f64, [u8; GROUP_TRACKS])>,
}

/// No detection.
const MISS: u8 = u8::MAX;

impl Joint {
    /// With room for every kind of event.
    pub fn new() -> Self {
        Self { best: vec![(0.0, [MISS; GROUP_TRACKS]); KINDS] }
    }

    /// Counts the events of a group out.
    pub fn shares(&mut self, group: &Group) -> Shares {
        self.best.fill((0.0, [MISS; GROUP_TRACKS]));
        self.walk(group, 0, 1.0, 0, &mut [MISS; GROUP_TRACKS]);
        let mut shares = Shares::default();
        let mut sum = 0.0;
        for (weight, event) in self.best.iter().filter(|(weight, _)| *weight > 0.0) {
            sum += weight;
            for (row, detection) in shares.iter_mut().zip(event) {
                if let Some(share) = row.get_mut(usize::from(*detection)) {
                    *share += weight;
                }
            }
        }
        if sum > 0.0 {
            shares.iter_mut().flatten().for_each(|share| *share /= sum);
        }
        shares
    }

    /// Goes on with track `track`; `used` has a bit for every taken detection, and above them one for every detected track.
    fn walk(
        &mut self,
        group: &Group,
        track: usize,
        weight: f64,
        used: usize,
        event: &mut [u8; GROUP_TRACKS],
    ) {
        let (Some(ratios), Some(missed)) = (group.ratio.get(track), group.missed.get(track)) else {
            return self.keep(weight, used, event);
        };
        if track >= group.tracks {
            return self.keep(weight, used, event);
        }
        self.walk(group, track + 1, weight * missed, used, event);
        for (d, ratio) in ratios.iter().enumerate().take(group.detections) {
            if *ratio <= 0.0 || used & (1 << d) != 0 {
                continue;
            }
            set(event, track, d as u8);
            let taken = used | 1 << d | 1 << (GROUP_DETECTIONS + track);
            self.walk(group, track + 1, weight * ratio, taken, event);
            set(event, track, MISS);
        }
    }

    fn keep(&mut self, weight: f64, kind: usize, event: &[u8; GROUP_TRACKS]) {
        if let Some(best) = self.best.get_mut(kind)
            && weight > best.0
        {
            *best = (weight, *event);
        }
    }
}

fn set(event: &mut [u8; GROUP_TRACKS], track: usize, detection: u8) {
    if let Some(held) = event.get_mut(track) {
        *held = detection;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(ratio: &[&[f64]], missed: f64) -> Group {
        let mut g = Group { tracks: ratio.len(), detections: ratio[0].len(), ..Group::default() };
        g.missed = [missed; GROUP_TRACKS];
        for (to, from) in g.ratio.iter_mut().zip(ratio) {
            to[..from.len()].copy_from_slice(from);
        }
        g
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn one_track_is_plain_probabilistic_association() {
        let shares = Joint::new().shares(&group(&[&[6.0, 3.0]], 1.0));
        assert!(close(shares[0][0], 0.6) && close(shares[0][1], 0.3));
    }

    /// By hand: events miss/miss 0.01, four with one detection, and of the two with both only the likelier.
    #[test]
    fn of_two_orders_the_likelier_is_kept() {
        let shares = Joint::new().shares(&group(&[&[4.0, 2.0], &[2.0, 3.0]], 0.1));
        // Singles: the same track and detection is one kind: 0.4, 0.2, 0.2, 0.3. Both: 12 against 4.
        let sum = 0.01 + 0.4 + 0.2 + 0.2 + 0.3 + 12.0;
        assert!(close(shares[0][0], 12.4 / sum) && close(shares[0][1], 0.2 / sum));
        assert!(close(shares[1][0], 0.2 / sum) && close(shares[1][1], 12.3 / sum));
    }

    #[test]
    fn a_full_group_is_counted_and_no_detection_is_given_twice() {
        let row: &[f64] = &[1.0; GROUP_DETECTIONS];
        let shares = Joint::new().shares(&group(&[row; GROUP_TRACKS], 0.5));
        for d in 0..GROUP_DETECTIONS {
            assert!(shares.iter().map(|row| row[d]).sum::<f64>() <= 1.0 + 1e-12);
        }
        assert!(shares.iter().all(|row| row.iter().sum::<f64>() <= 1.0 + 1e-12));
        assert!(Joint::new().shares(&Group::default()).iter().flatten().all(|s| s.abs() < 1e-12));
    }
}
