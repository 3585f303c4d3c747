//! Who is seen by the lidar alone, in small worlds that a robot drives through.

use super::*;
use crate::beams::{Body, Reach, Sweep, beams};
use outrider_foundation::Footprint;
use outrider_foundation::rng::Rng;
use std::f64::consts::{PI, TAU};

/// What there is: discs and walls.
#[derive(Clone, Default)]
struct Scene {
    discs: Vec<(f64, f64, f64)>,
    walls: Vec<[f64; 4]>,
}

impl Scene {
    /// Without the ends' corners, from one point to the next.
    fn with_walls(points: &[(f64, f64)]) -> Self {
        let walls = points.windows(2).map(|w| [w[0].0, w[0].1, w[1].0, w[1].1]).collect();
        Self { walls, ..Self::default() }
    }

    fn range_m(&self, from: Point2, bearing_rad: f64) -> f64 {
        let (s, c) = libm::sincos(bearing_rad);
        let to_disc = |&(x, y, r): &(f64, f64, f64)| {
            let (dx, dy) = (x - from.x_m, y - from.y_m);
            let (along, aside) = (c * dx + s * dy, c * dy - s * dx);
            let half_sq = r * r - aside * aside;
            (half_sq >= 0.0 && along > 0.0).then(|| along - half_sq.sqrt())
        };
        let to_wall = |&[ax, ay, bx, by]: &[f64; 4]| {
            let (ux, uy) = (bx - ax, by - ay);
            let across = c * uy - s * ux;
            let (dx, dy) = (ax - from.x_m, ay - from.y_m);
            let (t, k) = ((dx * uy - dy * ux) / across, (dx * s - dy * c) / across);
            (t > 0.0 && (0.0..=1.0).contains(&k)).then_some(t)
        };
        let hits = self.discs.iter().filter_map(to_disc).chain(self.walls.iter().filter_map(to_wall));
        hits.fold(f64::INFINITY, f64::min)
    }
}

/// A robot in a scene, with noise of 1 cm on every range and an odometry that turns away by `astray_radps`.
struct Drive {
    tracker: Tracker,
    rng: Rng,
    astray_radps: f64,
    slips: bool,
    beams: Vec<Beam>,
}

const DT_S: f64 = 0.05;

impl Drive {
    fn new() -> Self {
        Self {
            tracker: tracker(),
            rng: Rng::new(5, 0, 0),
            astray_radps: 0.01,
            slips: false,
            beams: Vec::new(),
        }
    }

    fn scan(&mut self, step: u32, scene: &Scene, lidar: Pose2, twist: Twist2) -> Scan {
        let mut scan = Scan {
            frame: "laser".into(),
            stamp: stamp(i64::from(step) * 50),
            angle_min_rad: -PI,
            angle_increment_rad: TAU / 720.0,
            time_increment_s: 0.04 / 720.0,
            range_min_m: 0.05,
            range_max_m: 12.0,
            ..Scan::default()
        };
        let ranges = (0..720).map(|i| {
            let at = lidar.advance(twist, f64::from(i) * scan.time_increment_s);
            let range_m = scene.range_m(at.position(), at.yaw_rad + scan.angle_rad(i as usize));
            (range_m + 0.01 * self.rng.normal()) as f32
        });
        scan.ranges_m = ranges.collect();
        scan
    }

    /// One scan; `twist` is the robot's, which stands at `pose`.
    fn step(&mut self, step: u32, scene: &Scene, pose: Pose2, twist: Twist2) {
        let scan = self.scan(step, scene, pose, twist);
        // The frame of the odometry turns away about the origin.
        let astray = Pose2::new(0.0, 0.0, self.astray_radps * f64::from(step) * DT_S);
        let odom = astray.then(pose);
        let footprint = Footprint::rectangle(0.05, 0.05, 0.1).unwrap();
        let body = Body { footprint: &footprint, margin_m: 0.0, base_from_lidar: Pose2::IDENTITY };
        let reach = Reach { mark_max_m: 8.0, clear_max_m: 8.0 };
        let sweep = Sweep { first: odom, last: odom.advance(twist, 0.04) };
        beams(&scan, sweep, body, reach, &[], &mut self.beams);
        let told = (!self.slips).then_some(twist);
        self.tracker.look(&scan, &self.beams, Pose2::IDENTITY, odom.inverse(), told);
        self.tracker.age(scan.stamp);
    }

    /// Drives with a constant twist from a pose for some seconds through what the scene is at a time.
    fn go(
        &mut self,
        from: Pose2,
        twist: Twist2,
        seconds: f64,
        scene: impl Fn(f64) -> Scene,
    ) -> MoverCounters {
        for step in 0..(seconds / DT_S) as u32 {
            let t_s = f64::from(step) * DT_S;
            self.step(step, &scene(t_s), from.advance(twist, t_s), twist);
        }
        self.tracker.mover_counters()
    }

    fn tracks(&self, t_s: f64) -> Vec<Track> {
        self.tracker.tracks(stamp((t_s * 1e3) as i64), Pose2::IDENTITY)
    }
}

const STANDS: Pose2 = Pose2::IDENTITY;
const STRAIGHT: Twist2 = Twist2 { v_mps: 0.9, w_radps: 0.0 };

/// Walls of a hall about everything.
fn hall() -> Scene {
    Scene::with_walls(&[(-5.0, -4.0), (14.0, -4.0), (14.0, 4.0), (-5.0, 4.0), (-5.0, -4.0)])
}

fn walker(from: (f64, f64), velocity: (f64, f64), radius_m: f64) -> impl Fn(f64) -> Scene {
    move |t_s| {
        let mut scene = hall();
        scene.discs.push((from.0 + velocity.0 * t_s, from.1 + velocity.1 * t_s, radius_m));
        scene
    }
}

#[test]
fn who_moves_is_tracked_within_a_second_whichever_way_they_go() {
    for (from, velocity, radius_m) in [
        ((3.0, -2.0), (0.0, 1.2), 0.25),
        ((5.0, 0.3), (-1.0, 0.0), 0.25),
        ((1.5, 0.2), (1.2, 0.0), 0.25),
        ((3.0, 2.0), (-0.7, -0.7), 0.2),
        ((4.0, -2.0), (0.0, 1.9), 0.5),
        ((2.5, -1.0), (0.1, 0.5), 0.3),
    ] {
        for twist in [Twist2::ZERO, Twist2::new(0.5, 0.2)] {
            let mut drive = Drive::new();
            let counters = drive.go(STANDS, twist, 1.3, walker(from, velocity, radius_m));
            let tracks = drive.tracks(1.25);
            assert!(tracks.len() == 1 && counters.begun == 1, "{from:?} {velocity:?}: {counters:?}");
            let track = &tracks[0];
            assert_eq!((track.id, track.state), (1, TrackState::Confirmed));
            assert_eq!((track.class_label.as_str(), track.model_id.as_str()), ("unknown", "lidar_clusters"));
            let v = track.velocity;
            let wrong_mps = libm::hypot(v.x_m - velocity.0, v.y_m - velocity.1);
            let place = Point2::new(from.0 + 1.25 * velocity.0, from.1 + 1.25 * velocity.1);
            let wrong_m = track.position.distance_m(place);
            assert!(wrong_mps < 0.35 && wrong_m < 0.3, "{from:?} {velocity:?}: {wrong_mps} m/s, {wrong_m} m");
            assert!((track.radius_m - radius_m).abs() < 0.1, "{}", track.radius_m);
        }
    }
}

/// Everything that shows ever other parts of itself to who drives past.
#[test]
fn nothing_that_stands_is_born() {
    let mut legs = hall();
    for (row, y) in [-0.9, -1.5, 0.9, 1.5].into_iter().enumerate() {
        let along = (0..24).map(|i| (0.5 * f64::from(i) + 0.1 * row as f64, y, 0.04));
        legs.discs.extend(along);
    }
    let mut people = hall();
    people.discs = (0..10).map(|i| (1.1 * f64::from(i), if i % 2 == 0 { 0.8 } else { -0.8 }, 0.25)).collect();
    let door = Scene::with_walls(&[(3.0, -4.0), (3.0, -0.5), (3.1, -0.5), (3.1, -4.0)]);
    let mut doors = hall();
    doors.walls.extend(door.walls.iter().copied());
    doors.walls.extend(door.walls.iter().map(|[ax, ay, bx, by]| [*ax, -ay, *bx, -by]));
    doors.discs.push((6.0, 0.4, 0.3));
    let mut pillars = hall();
    for x in [1.0, 3.0, 5.0, 7.0, 9.0] {
        for y in [-1.2, 1.2] {
            let (a, b) = (x + 0.5, y + 0.3);
            pillars.walls.extend(Scene::with_walls(&[(x, y), (a, y), (a, b), (x, b), (x, y)]).walls);
        }
        pillars.discs.push((x, 2.6, 0.3));
    }
    // As in the BARN worlds.
    let mut rng = Rng::new(9, 0, 0);
    let mut clutter = Scene::default();
    for _ in 0..250 {
        let (x, y) = (12.0 * rng.uniform(), 8.0 * rng.uniform() - 4.0);
        if y.abs() > 0.5 {
            clutter.discs.push((x, y, 0.075));
        }
    }
    let scenes =
        [("legs", legs), ("people", people), ("doors", doors), ("pillars", pillars), ("clutter", clutter)];
    for (name, scene) in scenes {
        for twist in [
            STRAIGHT,
            Twist2::new(1.6, 0.0),
            Twist2::new(0.9, 0.12),
            Twist2::new(0.4, -0.3),
            Twist2::new(0.0, 1.0),
        ] {
            let mut drive = Drive::new();
            let counters = drive.go(STANDS, twist, 6.0, |_| scene.clone());
            assert_eq!(counters, MoverCounters::default(), "{name} {twist:?}");
            assert!(drive.tracks(6.0).is_empty());
        }
    }
}

#[test]
fn the_id_is_kept_when_detections_come_and_they_tell_the_class() {
    let mut drive = Drive::new();
    drive.astray_radps = 0.0;
    let scene = walker((3.0, -2.0), (0.0, 1.0), 0.25);
    let mut seen = Vec::new();
    for step in 0..60_u32 {
        let t_s = f64::from(step) * DT_S;
        drive.step(step, &scene(t_s), STANDS, Twist2::ZERO);
        // From 1.5 s on the detector sees her, and tells it 0.2 s later.
        if step >= 30 && step % 2 == 0 {
            let then_s = t_s - 0.2;
            observe(
                &mut drive.tracker,
                &set((then_s * 1e3).round() as i64, vec![person(3.0, -2.0 + then_s)]),
            );
        }
        seen.extend(drive.tracks(t_s).into_iter().map(|t| (step, t)));
    }
    assert!(seen.iter().all(|(_, t)| t.id == 1), "one id, and never two of them");
    let at = |step: u32| seen.iter().find(|(s, _)| *s == step).map(|(_, t)| t).unwrap();
    assert_eq!((at(29).class_label.as_str(), at(59).class_label.as_str()), ("unknown", "person"));
    assert_eq!(at(59).model_id, "net");
    assert!((31..60).all(|step| at(step).state == TrackState::Confirmed));
    assert!(
        at(59).position.distance_m(Point2::new(3.0, 0.95)) < 0.2 && (at(59).velocity.y_m - 1.0).abs() < 0.3
    );
    let (movers, all) = (drive.tracker.mover_counters(), drive.tracker.counters());
    assert_eq!((movers.begun, movers.detected, all.begun), (1, 1, 0));
}

#[test]
fn who_is_detected_is_not_born_a_second_time() {
    let mut drive = Drive::new();
    drive.astray_radps = 0.0;
    let scene = walker((3.0, -2.0), (0.0, 1.0), 0.25);
    for step in 0..60_u32 {
        let t_s = f64::from(step) * DT_S;
        drive.step(step, &scene(t_s), STANDS, Twist2::ZERO);
        if step % 2 == 0 && step >= 4 {
            let then_s = t_s - 0.2;
            observe(
                &mut drive.tracker,
                &set((then_s * 1e3).round() as i64, vec![person(3.0, -2.0 + then_s)]),
            );
        }
    }
    assert_eq!(drive.tracker.mover_counters(), MoverCounters::default());
    assert_eq!(drive.tracks(2.95).len(), 1);
}

#[test]
fn who_stands_is_an_obstacle_again_and_who_leaves_is_forgotten() {
    let mut drive = Drive::new();
    let stops = |t_s: f64| walker((3.0, -1.5), (0.0, 1.0), 0.25)(t_s.min(1.5));
    let counters = drive.go(STANDS, Twist2::ZERO, 3.5, stops);
    assert_eq!((counters.begun, counters.stood), (1, 1));
    assert!(drive.tracks(3.5).is_empty());

    let mut drive = Drive::new();
    let leaves = |t_s: f64| if t_s < 1.5 { walker((3.0, -1.5), (0.0, 1.0), 0.25)(t_s) } else { hall() };
    let counters = drive.go(STANDS, Twist2::ZERO, 3.0, leaves);
    assert_eq!((counters.begun, counters.lost), (1, 1), "not at once, and not for ever");
    assert!(drive.tracks(3.0).is_empty());
}

/// Nothing is born while the wheels slip; and where nobody notices, because walls do not walk.
#[test]
fn a_world_that_moves_as_one_is_the_robots_own_doing() {
    let mut with_people = hall();
    with_people.discs = vec![(3.0, 0.5, 0.25), (3.0, -1.0, 0.25), (-2.0, 1.0, 0.3)];
    let mut slips = Drive { astray_radps: 0.5, slips: true, ..Drive::new() };
    assert_eq!(slips.go(STANDS, Twist2::ZERO, 3.0, |_| with_people.clone()), MoverCounters::default());
    let mut unnoticed = Drive { astray_radps: 0.5, ..Drive::new() };
    let counters = unnoticed.go(STANDS, Twist2::ZERO, 3.0, |_| with_people.clone());
    assert!(counters.begun == 0 && counters.world_moved > 0, "{counters:?}");
}

#[test]
fn too_many_are_counted_and_bounded() {
    // Seventy discs in a ring, which all go round.
    let ring = |t_s: f64| Scene {
        discs: (0..70)
            .map(|i| {
                let (s, c) = libm::sincos(TAU * f64::from(i) / 70.0 + 0.2 * t_s);
                (5.0 * c, 5.0 * s, 0.07)
            })
            .collect(),
        ..Scene::default()
    };
    let mut config = shipped().tracks;
    config.cluster_birth.hits_min = 3;
    let mut drive = Drive { tracker: Tracker::new(config), astray_radps: 0.0, ..Drive::new() };
    let counters = drive.go(STANDS, Twist2::ZERO, 1.5, ring);
    assert!(counters.beyond_limit > 0 && counters.begun == 32, "{counters:?}");
    assert!(drive.tracker.movers.candidates_beyond_limit() > 0);
    assert_eq!(drive.tracks(1.5).len(), 32);
    drive.tracker.reset();
    assert!(drive.tracks(1.5).is_empty() && drive.tracker.mover_counters().reset == 32);
}

#[test]
fn switched_off_nobody_is_born() {
    let mut config = shipped().tracks;
    config.cluster_birth.enabled = false;
    let mut drive = Drive { tracker: Tracker::new(config), ..Drive::new() };
    let counters = drive.go(STANDS, Twist2::ZERO, 2.0, walker((3.0, -2.0), (0.0, 1.0), 0.25));
    assert_eq!(counters, MoverCounters::default());
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let refused = |change: fn(&mut ClusterBirthConfig)| {
        let mut config = shipped().tracks;
        change(&mut config.cluster_birth);
        config.check().err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(refused(|_| {}), "");
    assert!(refused(|c| c.window_s = 0.3).contains("tracks.cluster_birth.window_s"));
    assert!(refused(|c| c.speed_max_mps = 0.2).contains("tracks.cluster_birth.speed_max_mps"));
}

#[test]
fn who_is_not_told_of_as_a_track_is_left_to_the_grid() {
    let mut drive = Drive::new();
    drive.go(STANDS, Twist2::ZERO, 2.0, walker((3.0, -2.0), (0.0, 1.0), 0.25));
    assert_eq!(drive.tracker.confirmed(stamp(1950)).count(), 1);
    let many = (0..64).map(|i| person(20.0 + 3.0 * f64::from(i), 0.0)).collect();
    observe(&mut drive.tracker, &set(1950, many));
    let confirmed = drive.tracks(1.95).iter().filter(|t| t.state == TrackState::Confirmed).count();
    assert_eq!((drive.tracks(1.95).len(), confirmed), (64, 0));
    assert_eq!(drive.tracker.confirmed(stamp(1950)).count(), 0);
}
