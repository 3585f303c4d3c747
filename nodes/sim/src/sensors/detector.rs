//! A learned detector of people, as seen from outside: late, uncertain, sometimes blind, sometimes seeing ghosts.

use super::stream;
use crate::config::DetectorConfig;
use crate::movers::Class;
use crate::rays::{Disc, Moving, RayScene};
use outrider_foundation::data::{BodyBox, Detection, DetectionSet};
use outrider_foundation::rng::Rng;
use outrider_foundation::{Point2, Pose2, Span, Stamp};
use std::collections::VecDeque;

/// The most pictures that wait for their latency to pass: the greatest, 2 s, at the greatest rate, 1000 Hz; beyond it the oldest is dropped and counted.
const PENDING_LIMIT: usize = 2048;
/// In the order of [`Class`].
const CLASSES: [&str; 3] = ["person", "forklift", "other"];

/// Somebody or something that can be seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub(crate) disc: Disc,
    /// All that belongs to it, when it is no disc.
    pub(crate) body: Option<BodyBox>,
    pub(crate) class: Class,
    /// Its number among what moves.
    pub(crate) number: usize,
}

pub(crate) struct Detector {
    config: DetectorConfig,
    frame: String,
    seed: u64,
    pictures: u64,
    /// With the world time of their publication.
    pending: VecDeque<(Span, DetectionSet)>,
    dropped: u64,
}

impl Detector {
    pub(crate) fn new(config: DetectorConfig, frame: String, seed: u64) -> Self {
        Self { config, frame, seed, pictures: 0, pending: VecDeque::new(), dropped: 0 }
    }

    /// Takes other numbers; the timing stays.
    pub(crate) fn reconfigure(&mut self, config: &DetectorConfig) {
        self.config = config.clone();
    }

    /// Takes a picture at world time `at`. `moving` holds everything that moves, by number.
    pub(crate) fn picture(
        &mut self,
        at: Span,
        stamp: Stamp,
        world_from_base: Pose2,
        scene: &RayScene,
        moving: Moving<'_>,
        subjects: &[Subject],
    ) {
        let mut rng = Rng::new(self.seed, stream::DETECTOR, self.pictures);
        let mut confusion = Rng::new(self.seed, stream::CONFUSION, self.pictures);
        let mut bodies = Rng::new(self.seed, stream::BODIES, self.pictures);
        self.pictures = self.pictures.wrapping_add(1);
        let mut detections: Vec<Detection> = Vec::new();
        for subject in subjects {
            let missed = rng.uniform() < self.config.miss_probability;
            let class = self.taken_for(subject.class, confusion.uniform());
            let mut seen = self.detection(&subject.disc, class, world_from_base, &mut rng);
            let turned = bodies.normal();
            if let (Some(sigma_rad), Some(body)) = (self.config.body_yaw_sigma_rad, &subject.body) {
                seen.body = Some(told(body, subject, seen.position, world_from_base, sigma_rad * turned));
            }
            if !missed && self.is_in_view(subject, world_from_base, scene, moving) {
                detections.push(seen);
            }
        }
        // What is not there looks like a person, where there are any.
        let person = subjects.iter().find(|s| s.class == Class::Person);
        let ghost = self.ghost(person.map_or(0.25, |s| s.disc.radius_m), &mut rng);
        detections.extend(ghost);
        let set = DetectionSet {
            stamp,
            frame: self.frame.clone(),
            sequence: self.pictures,
            model_id: self.config.model_id.clone(),
            model_version: self.config.model_version.clone(),
            class_labels: CLASSES.map(String::from).to_vec(),
            detections,
        };
        if self.pending.len() >= PENDING_LIMIT {
            self.pending.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        self.pending.push_back((at + Span::from_s(self.config.latency_s), set));
    }

    /// A picture whose latency has passed at world time `at`.
    pub(crate) fn finished(&mut self, at: Span) -> Option<DetectionSet> {
        self.pending.front().filter(|(due, _)| *due <= at)?;
        self.pending.pop_front().map(|(_, set)| set)
    }

    /// Pictures that were dropped because too many waited.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Within range and field of view, and the line to the middle or to either side is free.
    fn is_in_view(
        &self,
        subject: &Subject,
        world_from_base: Pose2,
        scene: &RayScene,
        moving: Moving<'_>,
    ) -> bool {
        let person = &subject.disc;
        let eye = world_from_base.position();
        let distance_m = eye.distance_m(person.centre);
        let local = world_from_base.inverse().apply(person.centre);
        let bearing_rad = libm::atan2(local.y_m, local.x_m);
        if distance_m > self.config.range_m || bearing_rad.abs() > 0.5 * self.config.fov_rad {
            return false;
        }
        if distance_m <= person.radius_m {
            return true;
        }
        if let Some(body) = &subject.body {
            // Its middle and its corners, a little inside.
            let centre = body.pose.position();
            let inside = |c: Point2| {
                Point2::new(centre.x_m + 0.9 * (c.x_m - centre.x_m), centre.y_m + 0.9 * (c.y_m - centre.y_m))
            };
            let mut places = std::iter::once(centre).chain(body.corners().map(inside));
            return places.any(|to| !scene.blocked(eye, to, moving, subject.number));
        }
        // Points on its visible outline, a little inside the edges.
        let side = 0.9 * person.radius_m / distance_m;
        let (across_x, across_y) =
            (-(person.centre.y_m - eye.y_m) * side, (person.centre.x_m - eye.x_m) * side);
        [0.0, 1.0, -1.0].into_iter().any(|s| {
            let to = Point2::new(person.centre.x_m + s * across_x, person.centre.y_m + s * across_y);
            !scene.blocked(eye, to, moving, subject.number)
        })
    }

    /// The class that it takes one for, by a number drawn evenly from 0 to 1.
    fn taken_for(&self, class: Class, drawn: f64) -> usize {
        let index = class as usize;
        let Some(row) = self.config.confusion.as_ref().and_then(|rows| rows.get(index)) else { return index };
        let mut sum = 0.0;
        let passed = row.iter().take_while(|p| {
            sum += **p;
            sum <= drawn
        });
        passed.count().min(CLASSES.len() - 1)
    }

    fn detection(&self, person: &Disc, class: usize, world_from_base: Pose2, rng: &mut Rng) -> Detection {
        let c = &self.config;
        let at = world_from_base.inverse().apply(person.centre);
        let sigma_m = c.sigma_m + c.sigma_per_m * libm::hypot(at.x_m, at.y_m);
        let [bias_x_m, bias_y_m] = c.bias_m;
        let position = Point2::new(
            at.x_m + sigma_m * rng.normal() + bias_x_m,
            at.y_m + sigma_m * rng.normal() + bias_y_m,
        );
        self.made_up(position, sigma_m, person.radius_m, c.existence, class, rng)
    }

    /// A false alarm, anywhere in view.
    fn ghost(&self, radius_m: f64, rng: &mut Rng) -> Option<Detection> {
        let c = &self.config;
        let appears = rng.uniform() < c.false_alarm_probability;
        let distance_m = c.range_m * rng.uniform().sqrt();
        let (s, cos) = libm::sincos(c.fov_rad * (rng.uniform() - 0.5));
        let class = rng.next_u32() as usize % CLASSES.len();
        let sigma_m = c.sigma_m + c.sigma_per_m * distance_m;
        let position = Point2::new(distance_m * cos, distance_m * s);
        let ghost = self.made_up(position, sigma_m, radius_m, c.false_alarm_existence, class, rng);
        appears.then_some(ghost)
    }

    fn made_up(
        &self,
        position: Point2,
        sigma_m: f64,
        radius_m: f64,
        existence: f64,
        class: usize,
        rng: &mut Rng,
    ) -> Detection {
        let confidence = self.config.class_confidence;
        // Never so little that another class would be the surest.
        let spread = ((1.0 - confidence) * 0.5).min(confidence - 1.0 / CLASSES.len() as f64);
        let right = confidence + spread * (2.0 * rng.uniform() - 1.0);
        let wrong = (1.0 - right) / (CLASSES.len() - 1) as f64;
        let (right, wrong) = softened(right, wrong, self.config.temperature);
        let probability = |i| if i == class { right as f32 } else { wrong as f32 };
        Detection {
            position,
            covariance: [sigma_m * sigma_m, 0.0, 0.0, sigma_m * sigma_m],
            radius_m,
            body: None,
            existence,
            class_probabilities: (0..CLASSES.len()).map(probability).collect(),
        }
    }
}

/// The rectangle about a subject that is taken to be at `position`, turned about there, in the base frame.
fn told(
    body: &BodyBox,
    subject: &Subject,
    position: Point2,
    world_from_base: Pose2,
    turned_rad: f64,
) -> BodyBox {
    let centre = subject.disc.centre;
    let centre_from_world = Pose2::new(centre.x_m, centre.y_m, world_from_base.yaw_rad).inverse();
    body.seen_from(centre_from_world).seen_from(Pose2::new(position.x_m, position.y_m, turned_rad))
}

/// Probabilities of one class and of each of the others, at another temperature.
fn softened(right: f64, wrong: f64, temperature: f64) -> (f64, f64) {
    if (temperature - 1.0).abs() <= 0.0 {
        return (right, wrong);
    }
    let [r, w] = [right, wrong].map(|p| libm::pow(p, 1.0 / temperature));
    let sum = r + (CLASSES.len() - 1) as f64 * w;
    (r / sum, w / sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{perfect, shipped};
    use crate::world::Outline;

    fn person(x: f64, y: f64) -> Disc {
        Disc { centre: Point2::new(x, y), radius_m: 0.25 }
    }

    fn see(config: DetectorConfig, scene: &RayScene, people: &[Disc], pictures: usize) -> Vec<DetectionSet> {
        let mut d = Detector::new(config, "base_link".into(), 4);
        let subject = |(number, disc): (usize, &Disc)| Subject {
            disc: *disc,
            body: None,
            class: Class::Person,
            number,
        };
        let subjects: Vec<Subject> = people.iter().enumerate().map(subject).collect();
        let moving = Moving { discs: people, boxes: &[] };
        (0..pictures)
            .filter_map(|_| {
                d.picture(Span::ZERO, Stamp::default(), Pose2::new(1.0, 0.0, 1.0), scene, moving, &subjects);
                d.finished(Span::from_s(5.0))
            })
            .collect()
    }

    #[test]
    fn latency_holds_pictures_back() {
        let mut d = Detector::new(perfect().detector, "base_link".into(), 1);
        let subject = Subject { disc: person(2.0, 0.0), body: None, class: Class::Person, number: 0 };
        let moving = Moving { discs: &[person(2.0, 0.0)], boxes: &[] };
        d.picture(
            Span::ZERO,
            Stamp::from_nanos(7),
            Pose2::IDENTITY,
            &RayScene::default(),
            moving,
            &[subject],
        );
        assert_eq!(d.finished(Span::from_millis(79)), None);
        let set = d.finished(Span::from_millis(80)).unwrap();
        assert_eq!((set.stamp, set.sequence, set.detections.len()), (Stamp::from_nanos(7), 1, 1));
        assert_eq!(d.finished(Span::from_s(9.0)), None);
    }

    #[test]
    fn only_what_is_in_view_is_seen() {
        let wall = Outline::Polygon(
            [(4.0, -1.0), (4.2, -1.0), (4.2, 1.0), (4.0, 1.0)].map(|(x, y)| Point2::new(x, y)).to_vec(),
        );
        let scene = RayScene::new(&[wall]);
        let people =
            [person(3.0, 0.0), person(6.0, 0.0), person(1.0, 11.0), person(1.0, 2.0), person(1.0, 4.0)];
        let sets = see(perfect().detector, &scene, &people, 1);
        // The second is behind the wall, the third out of range, the fifth behind the fourth.
        assert_eq!(sets[0].detections.len(), 2);
        let narrow = DetectorConfig { fov_rad: 1.0, ..perfect().detector };
        // Looking along 1 rad with ±0.5: π/2 and 0 are both outside.
        assert_eq!(see(narrow, &scene, &people, 1)[0].detections.len(), 0);
    }

    #[test]
    fn positions_misses_and_ghosts_are_as_stated() {
        let config = DetectorConfig { false_alarm_probability: 0.1, ..shipped().detector };
        let sets = see(config, &RayScene::default(), &[person(5.0, 3.0)], 4000);
        let truth = Pose2::new(1.0, 0.0, 1.0).inverse().apply(Point2::new(5.0, 3.0));
        let real = |d: &&Detection| d.existence > 0.9;
        let seen: Vec<&Detection> = sets.iter().flat_map(|s| &s.detections).filter(real).collect();
        let all: usize = sets.iter().map(|s| s.detections.len()).sum();
        assert!((seen.len() as f64 / 4000.0 - 0.95).abs() < 0.015, "{}", seen.len());
        assert!(((all - seen.len()) as f64 / 4000.0 - 0.1).abs() < 0.02);
        let weighed =
            |d: &Detection| (d.position.x_m - truth.x_m) * (d.position.x_m - truth.x_m) / d.covariance[0];
        let variance = seen.iter().map(|d| weighed(d)).sum::<f64>() / seen.len() as f64;
        assert!((variance - 1.0).abs() < 0.1, "{variance}");
        let sums = sets.iter().flat_map(|s| &s.detections).map(|d| d.class_probabilities.iter().sum::<f32>());
        assert!(sums.into_iter().all(|s| (s - 1.0).abs() < 1e-6));
    }

    #[test]
    fn the_rectangle_about_a_vehicle_goes_with_its_detection_and_is_turned_as_told() {
        let (world_from_base, at) = (Pose2::new(1.0, 0.0, 1.0), Pose2::new(4.0, 2.0, -0.5));
        let disc = Disc { centre: at.position(), radius_m: 1.2 };
        let body = BodyBox { pose: at.then(Pose2::new(0.7, 0.0, 0.0)), length_m: 3.6, width_m: 1.1 };
        let subject = Subject { disc, body: Some(body), class: Class::Forklift, number: 0 };
        let pictures = |sigma_rad| {
            let config = DetectorConfig { body_yaw_sigma_rad: sigma_rad, ..perfect().detector };
            let mut d = Detector::new(config, "base_link".into(), 4);
            let moving = Moving { discs: &[], boxes: &[] };
            let seen = (0..20_000).filter_map(|_| {
                d.picture(
                    Span::ZERO,
                    Stamp::default(),
                    world_from_base,
                    &RayScene::default(),
                    moving,
                    &[subject],
                );
                d.finished(Span::from_s(5.0))
            });
            seen.flat_map(|set| set.detections).collect::<Vec<_>>()
        };
        let base_from_vehicle = world_from_base.inverse().then(at);
        for seen in pictures(Some(0.0)) {
            let body = seen.body.unwrap();
            assert!((body.pose.yaw_rad - base_from_vehicle.yaw_rad).abs() < 1e-12);
            let (s, c) = libm::sincos(body.pose.yaw_rad);
            let middle = Point2::new(seen.position.x_m + 0.7 * c, seen.position.y_m + 0.7 * s);
            assert!(
                body.pose.position().distance_m(middle) < 1e-9 && (body.length_m, body.width_m) == (3.6, 1.1)
            );
        }
        let off = |d: &Detection| d.body.unwrap().pose.yaw_rad - base_from_vehicle.yaw_rad;
        let turned = pictures(Some(0.1));
        let variance = turned.iter().map(|d| off(d) * off(d)).sum::<f64>() / turned.len() as f64;
        assert!((variance.sqrt() - 0.1).abs() < 0.005, "{variance}");
        let mean = turned.iter().map(off).sum::<f64>() / turned.len() as f64;
        assert!(mean.abs() < 0.01, "{mean}");
        let without = pictures(None);
        assert!(without.iter().all(|d| d.body.is_none()));
        // One who tells rectangles sees nothing else differently.
        assert!(without.iter().zip(&turned).all(|(a, b)| *a == Detection { body: None, ..b.clone() }));
    }

    #[test]
    fn classes_are_confused_and_probabilities_softened_as_told() {
        let argmax = |d: &Detection| {
            let p = &d.class_probabilities;
            (0..3).max_by(|a, b| p[*a].total_cmp(&p[*b])).unwrap()
        };
        let rows = Some([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        let config = DetectorConfig { confusion: rows, ..perfect().detector };
        let sets = see(config, &RayScene::default(), &[person(5.0, 3.0)], 4000);
        let mut counts = [0.0_f64; 3];
        sets.iter().for_each(|s| counts[argmax(&s.detections[0])] += 1.0 / 4000.0);
        assert!((counts[0] - 0.7).abs() < 0.03 && (counts[1] - 0.2).abs() < 0.03, "{counts:?}");
        // However unsure it is, the class that it takes one for is the surest.
        for class_confidence in [0.34, 0.5, 0.6] {
            let config = DetectorConfig { class_confidence, ..perfect().detector };
            let sets = see(config, &RayScene::default(), &[person(5.0, 3.0)], 2000);
            let stated = |s: &DetectionSet| f64::from(s.detections[0].class_probabilities[0]);
            let mean = sets.iter().map(stated).sum::<f64>() / 2000.0;
            assert!((mean - class_confidence).abs() < 0.01, "{mean}");
            assert!(sets.iter().all(|s| argmax(&s.detections[0]) == 0), "{class_confidence}");
        }
        let config = |temperature| DetectorConfig { temperature, bias_m: [1.0, 0.0], ..perfect().detector };
        let surest = |temperature| {
            let set = see(config(temperature), &RayScene::default(), &[person(5.0, 3.0)], 1).remove(0);
            f64::from(set.detections[0].class_probabilities[0])
        };
        assert!(surest(0.5) > 0.98 && surest(1.0) > 0.84 && surest(1.0) < 0.96 && surest(3.0) < 0.7);
        let truth = Pose2::new(1.0, 0.0, 1.0).inverse().apply(Point2::new(5.0, 3.0));
        let seen = see(config(1.0), &RayScene::default(), &[person(5.0, 3.0)], 500);
        let mean = seen.iter().map(|s| s.detections[0].position.x_m - truth.x_m).sum::<f64>() / 500.0;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
    }
}
