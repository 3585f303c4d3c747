//! The plain tracker that the other one is held against: a Kalman filter of constant velocity for each axis, the nearest
//! detection within the gate, confirmed by three hits, deleted after a second
//! without.

use super::Follower;
use super::density::Mixture;
use outrider_foundation::data::{DetectionSet, Scan};
use outrider_foundation::{Point2, Stamp};
use outrider_suite::quality::score::Estimate;

/// The same as the world model's.
const GATE: f64 = 16.0;
const PSD_M2PS3: f64 = 0.5;
const SPEED_SIGMA_MPS: f64 = 1.0;
const CONFIRM_HITS: u32 = 3;
const UNCONFIRMED_S: f64 = 0.35;
const LOST_S: f64 = 1.0;

/// Position and velocity along one axis, with their covariance.
#[derive(Clone, Copy, Debug)]
struct Axis {
    x: f64,
    v: f64,
    p: [f64; 3],
}

impl Axis {
    fn after(self, t: f64) -> Self {
        let [xx, xv, vv] = self.p;
        let q = PSD_M2PS3;
        let p =
            [xx + 2.0 * t * xv + t * t * vv + q * t * t * t / 3.0, xv + t * vv + 0.5 * q * t * t, vv + q * t];
        Self { x: self.x + t * self.v, v: self.v, p }
    }

    fn updated(self, z: f64, r: f64) -> Self {
        let [xx, xv, vv] = self.p;
        let (k, l) = (xx / (xx + r), xv / (xx + r));
        let e = z - self.x;
        Self { x: self.x + k * e, v: self.v + l * e, p: [xx - k * xx, xv - k * xv, vv - l * xv] }
    }
}

#[derive(Clone, Debug)]
struct Object {
    id: u64,
    axes: [Axis; 2],
    time: Stamp,
    seen: Stamp,
    hits: u32,
}

/// The tracker.
#[derive(Clone, Debug, Default)]
pub struct Nearest {
    objects: Vec<Object>,
    last_id: u64,
    newest: Stamp,
}

impl Follower for Nearest {
    fn look(&mut self, _: &Scan) {}

    fn observe(&mut self, set: &DetectionSet) {
        self.newest = set.stamp;
        for object in &mut self.objects {
            let t = set.stamp.since(object.time).as_s();
            object.axes = object.axes.map(|a| a.after(t));
            object.time = set.stamp;
        }
        let mut pairs = Vec::new();
        for (o, object) in self.objects.iter().enumerate() {
            for (d, detection) in set.detections.iter().enumerate() {
                let [x, y] = object.axes;
                let r = detection.covariance[0];
                let (dx, dy) = (detection.position.x_m - x.x, detection.position.y_m - y.x);
                let distance_sq = dx * dx / (x.p[0] + r) + dy * dy / (y.p[0] + r);
                if distance_sq <= GATE {
                    pairs.push((distance_sq, o, d));
                }
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut taken_o, mut taken_d) = (vec![false; self.objects.len()], vec![false; set.detections.len()]);
        for (_, o, d) in pairs {
            let (Some(of), Some(object), Some(detection)) =
                (taken_o.get_mut(o), self.objects.get_mut(o), set.detections.get(d))
            else {
                continue;
            };
            let Some(dt) = taken_d.get_mut(d) else { continue };
            if *of || *dt {
                continue;
            }
            (*of, *dt) = (true, true);
            let [x, y] = object.axes;
            let r = detection.covariance[0];
            object.axes = [x.updated(detection.position.x_m, r), y.updated(detection.position.y_m, r)];
            object.seen = set.stamp;
            object.hits += 1;
        }
        for (detection, _) in set.detections.iter().zip(&taken_d).filter(|(_, taken)| !**taken) {
            self.last_id += 1;
            let r = detection.covariance[0];
            let axis = |x| Axis { x, v: 0.0, p: [r, 0.0, SPEED_SIGMA_MPS * SPEED_SIGMA_MPS] };
            let axes = [axis(detection.position.x_m), axis(detection.position.y_m)];
            self.objects.push(Object { id: self.last_id, axes, time: set.stamp, seen: set.stamp, hits: 1 });
        }
    }

    fn estimates(&mut self, now: Stamp) -> Vec<Estimate> {
        let newest = self.newest;
        self.objects.retain(|o| {
            let confirmed = o.hits >= CONFIRM_HITS;
            if confirmed {
                now.since(o.seen).as_s() <= LOST_S
            } else {
                newest.since(o.seen).as_s() <= UNCONFIRMED_S
            }
        });
        let told = self.objects.iter().filter(|o| o.hits >= CONFIRM_HITS).map(|o| {
            let [x, y] = o.axes.map(|a| a.after(now.since(o.time).as_s()));
            let ([xx, xu, uu], [yy, yv, vv]) = (x.p, y.p);
            Estimate {
                id: o.id,
                position: Point2::new(x.x, y.x),
                velocity: Point2::new(x.v, y.v),
                covariance: [xx, 0.0, xu, 0.0, 0.0, yy, 0.0, yv, xu, 0.0, uu, 0.0, 0.0, yv, 0.0, vv],
            }
        });
        told.collect()
    }

    fn ways(&self, _: Stamp, _: u64) -> Option<Mixture> {
        None
    }
}
