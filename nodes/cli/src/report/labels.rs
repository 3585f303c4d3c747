//! Names beside things, put where they cover nothing else.

use super::svg::text;

/// Width of a letter and height of a line of `label`, somewhat more than they take.
const LETTER_PX: f64 = 7.4;
const LINE_PX: f64 = 15.0;

/// A box in the picture: left, top, right, bottom.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Area([f64; 4]);

impl Area {
    fn shared_px2(self, other: Self) -> f64 {
        let (Self([l, t, r, b]), Self([ol, ot, or, ob])) = (self, other);
        (r.min(or) - l.max(ol)).max(0.0) * (b.min(ob) - t.max(ot)).max(0.0)
    }

    fn px2(self) -> f64 {
        let Self([l, t, r, b]) = self;
        (r - l) * (b - t)
    }
}

/// What is taken already.
pub struct Labels {
    frame: Area,
    taken: Vec<Area>,
}

impl Labels {
    /// Nothing is taken within the frame: left, top, right, bottom.
    pub fn new(frame: [f64; 4]) -> Self {
        Self { frame: Area(frame), taken: Vec::new() }
    }

    /// A round thing that no name may cover.
    pub fn keep_off(&mut self, x: f64, y: f64, r: f64) {
        self.taken.push(Area([x - r, y - r, x + r, y + r]));
    }

    /// The name of something of radius `r`, where it covers least: beside it, above, below, or a little farther off with a line to it.
    pub fn put(&mut self, class: &str, x: f64, y: f64, r: f64, name: &str) -> String {
        let width = LETTER_PX * name.chars().count() as f64;
        let beside = [
            (1.0, 0.0),
            (-1.0, 0.0),
            (0.0, -1.0),
            (0.0, 1.0),
            (0.8, -0.8),
            (-0.8, -0.8),
            (0.8, 0.8),
            (-0.8, 0.8),
        ];
        let all = [4.0, 22.0, 44.0].into_iter().flat_map(|off| beside.map(|(dx, dy)| (off, dx, dy)));
        let area = |(off, dx, dy): (f64, f64, f64)| {
            // The middle of the nearer edge of the name lies in this direction.
            let (cx, cy) = (x + dx * (r + off), y + dy * (r + off));
            let (left, top) = (cx - width * 0.5 * (1.0 - dx), cy - LINE_PX * 0.5 * (1.0 - dy));
            Area([left, top, left + width, top + LINE_PX])
        };
        let cost = |a: Area| {
            let outside = a.px2() - a.shared_px2(self.frame);
            2.0 * outside + self.taken.iter().map(|t| t.shared_px2(a)).sum::<f64>()
        };
        let best = all
            .map(|place| (area(place), place))
            .reduce(|best, next| if cost(next.0) < cost(best.0) { next } else { best });
        let Some((Area([left, top, right, bottom]), (off, ..))) = best else { return String::new() };
        self.taken.push(Area([left, top, right, bottom]));
        let (middle, base) = (0.5 * (left + right), bottom - 4.0);
        let line = if off > 10.0 {
            let (nx, ny) = (x.clamp(left, right), y.clamp(top, bottom));
            format!("<path class=\"leader\" d=\"M{x:.1} {y:.1}L{nx:.1} {ny:.1}\"/>")
        } else {
            String::new()
        };
        line + &text(class, middle, base, "middle", name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_in_one_place_do_not_cover_each_other() {
        let mut labels = Labels::new([0.0, 0.0, 400.0, 300.0]);
        labels.keep_off(200.0, 150.0, 10.0);
        let drawn: String =
            (0..8).map(|i| labels.put("label", 200.0, 150.0, 10.0, &format!("walker {i}"))).collect();
        assert_eq!(drawn.matches("<text").count(), 8);
        let taken = &labels.taken;
        for (i, a) in taken.iter().enumerate() {
            assert!(taken.iter().skip(i + 1).all(|b| a.shared_px2(*b) < 1e-9), "{a:?} {taken:?}");
        }
    }

    #[test]
    fn a_name_at_the_edge_stays_within() {
        let mut labels = Labels::new([0.0, 0.0, 400.0, 300.0]);
        labels.put("label", 395.0, 5.0, 10.0, "somebody");
        let Area([left, top, right, bottom]) = labels.taken[0];
        assert!(left >= 0.0 && top >= 0.0 && right <= 400.0 && bottom <= 300.0);
    }
}
