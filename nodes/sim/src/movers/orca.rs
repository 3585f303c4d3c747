//! Optimal reciprocal collision avoidance in the plane: van den Berg, Guy, Lin and Manocha, "Reciprocal n-Body
//! Collision Avoidance", ISRR 2009.
//!
//! Every neighbour forbids a half-plane of velocities; the one that is taken is the permitted one that is nearest to
//! what is wanted. Walls are half-planes too, and never give way; when the others leave nothing, all of them give way by
//! the same amount, the least that will do.

/// A vector in the plane.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct V2 {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl V2 {
    pub(crate) const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    pub(crate) fn dot(self, o: Self) -> f64 {
        self.x * o.x + self.y * o.y
    }

    fn cross(self, o: Self) -> f64 {
        self.x * o.y - self.y * o.x
    }

    pub(crate) fn norm(self) -> f64 {
        self.dot(self).sqrt()
    }

    pub(crate) fn scaled(self, by: f64) -> Self {
        Self::new(self.x * by, self.y * by)
    }

    /// Turned to the left by 90°.
    pub(crate) fn left(self) -> Self {
        Self::new(-self.y, self.x)
    }

    /// No longer than that.
    pub(crate) fn limited(self, length: f64) -> Self {
        let norm = self.norm();
        if norm > length { self.scaled(length / norm) } else { self }
    }
}

impl std::ops::Add for V2 {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self::new(self.x + o.x, self.y + o.y)
    }
}

impl std::ops::Sub for V2 {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self::new(self.x - o.x, self.y - o.y)
    }
}

/// Velocities `v` with `v · outward <= most`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HalfPlane {
    /// Unit vector into what is forbidden.
    pub(crate) outward: V2,
    pub(crate) most: f64,
}

impl HalfPlane {
    fn excess(&self, v: V2) -> f64 {
        v.dot(self.outward) - self.most
    }
}

/// How two discs meet: what `me` sees of the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encounter {
    /// From me to the other.
    pub(crate) offset: V2,
    /// My velocity.
    pub(crate) own: V2,
    /// The other's.
    pub(crate) other: V2,
    /// Sum of both radii.
    pub(crate) reach_m: f64,
    /// What part of the change is mine.
    pub(crate) share: f64,
}

impl Encounter {
    /// The velocities that keep me clear of the other for `horizon_s`, when it does its part; in contact, those that
    /// part us within `step_s`.
    pub(crate) fn half_plane(&self, horizon_s: f64, step_s: f64) -> HalfPlane {
        let relative = self.own - self.other;
        let distance_sq = self.offset.dot(self.offset);
        let apart = distance_sq > self.reach_m * self.reach_m;
        // The velocity obstacle: a cone about the other, cut off by a disc about `middle`.
        let horizon_s = if apart { horizon_s } else { step_s };
        let (middle, radius) = (self.offset.scaled(1.0 / horizon_s), self.reach_m / horizon_s);
        let from_middle = relative - middle;
        let before_the_cut = from_middle.dot(self.offset);
        let by_the_disc = !apart
            || (before_the_cut < 0.0
                && before_the_cut * before_the_cut
                    > self.reach_m * self.reach_m * from_middle.dot(from_middle));
        // `change`: the way from the relative velocity to the boundary; `free`: the boundary's normal, out of the cone.
        let (free, change) = if by_the_disc {
            let length = from_middle.norm();
            let free = if length > 1e-9 {
                from_middle.scaled(1.0 / length)
            } else {
                self.offset.scaled(-1.0 / distance_sq.sqrt().max(1e-9))
            };
            (free, radius - length)
        } else {
            let tangent_m = (distance_sq - self.reach_m * self.reach_m).sqrt();
            let axis = self.offset.scaled(1.0 / distance_sq.sqrt());
            let (sine, cosine) = (self.reach_m / distance_sq.sqrt(), tangent_m / distance_sq.sqrt());
            // The nearer side of the cone.
            let side = if axis.cross(relative) >= 0.0 { axis.left() } else { axis.left().scaled(-1.0) };
            let free = side.scaled(cosine) - axis.scaled(sine);
            (free, -relative.dot(free))
        };
        let boundary = self.own + free.scaled(self.share * change);
        HalfPlane { outward: free.scaled(-1.0), most: boundary.dot(free.scaled(-1.0)) }
    }
}

/// The velocity nearest to `wanted`, no faster than `speed`, within all of `hard` and, as far as possible, of `soft`.
/// Every `hard` one must permit standstill.
pub(crate) fn choose(wanted: V2, speed: f64, hard: &[HalfPlane], soft: &[HalfPlane]) -> V2 {
    let mut all: Vec<HalfPlane> = Vec::with_capacity(hard.len() + soft.len());
    let mut attempt = |slack: f64| {
        all.clear();
        all.extend_from_slice(hard);
        all.extend(soft.iter().map(|h| HalfPlane { most: h.most + slack, ..*h }));
        nearest(wanted, speed, &all)
    };
    if let Some(v) = attempt(0.0) {
        return v;
    }
    // With this much slack standstill is permitted.
    let mut enough = soft.iter().map(|h| -h.most).fold(0.0, f64::max) + 1e-9;
    let mut found = attempt(enough).unwrap_or_default();
    let mut too_little = 0.0;
    for _ in 0..SLACK_HALVINGS {
        let middle = 0.5 * (too_little + enough);
        match attempt(middle) {
            Some(v) => (enough, found) = (middle, v),
            None => too_little = middle,
        }
    }
    found
}

/// Halvings of the slack: to a thousandth of what it could be.
const SLACK_HALVINGS: usize = 10;
/// A velocity this little outside counts as inside.
const TOLERANCE: f64 = 1e-9;

/// The linear program, one half-plane after the other: `None` when there is no such velocity.
fn nearest(wanted: V2, speed: f64, all: &[HalfPlane]) -> Option<V2> {
    let mut best = wanted.limited(speed);
    for (i, plane) in all.iter().enumerate() {
        if plane.excess(best) > TOLERANCE {
            best = on_boundary(wanted, speed, plane, all.get(..i).unwrap_or_default())?;
        }
    }
    Some(best)
}

/// The best velocity on the boundary of a half-plane, within the disc of speeds and the half-planes before it.
fn on_boundary(wanted: V2, speed: f64, plane: &HalfPlane, before: &[HalfPlane]) -> Option<V2> {
    let half_sq = speed * speed - plane.most * plane.most;
    if half_sq < 0.0 {
        return None;
    }
    let (origin, along) = (plane.outward.scaled(plane.most), plane.outward.left());
    let (mut low, mut high) = (-half_sq.sqrt(), half_sq.sqrt());
    for other in before {
        let slope = along.dot(other.outward);
        let room = -other.excess(origin);
        if slope.abs() < TOLERANCE {
            if room < -TOLERANCE {
                return None;
            }
        } else if slope > 0.0 {
            high = high.min(room / slope);
        } else {
            low = low.max(room / slope);
        }
        if low > high {
            return None;
        }
    }
    Some(origin + along.scaled(wanted.dot(along).clamp(low, high)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn planes() -> impl Strategy<Value = Vec<HalfPlane>> {
        let one = (-3.2..3.2f64, 0.0..1.5f64).prop_map(|(angle, most)| HalfPlane {
            outward: V2::new(libm::cos(angle), libm::sin(angle)),
            most,
        });
        prop::collection::vec(one, 0..8)
    }

    proptest! {
        /// Against trying all velocities of a grid: nothing that is permitted is nearer to what is wanted.
        #[test]
        fn the_choice_is_the_nearest_permitted_velocity(all in planes(), x in -2.0..2.0f64, y in -2.0..2.0f64) {
            let (wanted, speed) = (V2::new(x, y), 1.5);
            let chosen = choose(wanted, speed, &all, &[]);
            prop_assert!(all.iter().all(|h| h.excess(chosen) < 1e-6) && chosen.norm() < speed + 1e-6);
            for i in -30..=30 {
                for j in -30..=30 {
                    let v = V2::new(0.05 * f64::from(i), 0.05 * f64::from(j));
                    if v.norm() <= speed && all.iter().all(|h| h.excess(v) <= 0.0) {
                        prop_assert!((v - wanted).norm() > (chosen - wanted).norm() - 1e-6, "{v:?} {chosen:?}");
                    }
                }
            }
        }

        /// Two who both take their half do not touch within the horizon.
        #[test]
        fn two_who_share_stay_apart(
            ox in 0.6..4.0f64, oy in -3.0..3.0f64, v in (-1.2..1.2f64, -1.2..1.2f64), w in (-1.2..1.2f64, -1.2..1.2f64),
        ) {
            let (offset, own, other) = (V2::new(ox, oy), V2::new(v.0, v.1), V2::new(w.0, w.1));
            let me = Encounter { offset, own, other, reach_m: 0.5, share: 0.5 };
            let them = Encounter { offset: offset.scaled(-1.0), own: other, other: own, ..me };
            let mine = choose(own, 1.5, &[], &[me.half_plane(2.0, 0.05)]);
            let theirs = choose(other, 1.5, &[], &[them.half_plane(2.0, 0.05)]);
            let relative = mine - theirs;
            for i in 0..=200 {
                let gap = (offset - relative.scaled(0.01 * f64::from(i))).norm();
                prop_assert!(gap > 0.5 - 1e-6, "{gap} after {i}");
            }
        }
    }

    #[test]
    fn walls_hold_when_the_crowd_leaves_nothing() {
        let wall = HalfPlane { outward: V2::new(1.0, 0.0), most: 0.1 };
        // Pushed against the wall from behind by 1 m/s, and from the side.
        let crowd = [
            HalfPlane { outward: V2::new(-1.0, 0.0), most: -1.0 },
            HalfPlane { outward: V2::new(0.0, -1.0), most: -0.2 },
        ];
        let v = choose(V2::default(), 1.5, &[wall], &crowd);
        assert!(v.x <= 0.1 + 1e-9 && v.x > 0.0 && v.y >= -1e-9, "{v:?}");
    }
}
