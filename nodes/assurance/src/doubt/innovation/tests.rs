use super::*;
use outrider_foundation::data::Odometry;
use outrider_foundation::rng::Rng;
use outrider_foundation::robot::example;
use outrider_foundation::{Instant, Now, Twist2};
use proptest::prelude::*;

const CONFIG: Nis = Nis { window: 50, samples_min: 20, gate_m: 1.5, sigma_floor_m: 0.03 };
/// Standard deviations of a track's position and of a detection, m.
const TRACK_M: f64 = 0.05;
const DETECTION_M: f64 = 0.1;

fn at(ms: i64) -> Stamp {
    Stamp::from_nanos(ms * 1_000_000)
}

fn robot() -> Robot {
    Robot::new(example::amr()).unwrap()
}

/// A robot on an arc, in a map that is turned against its odometry.
struct Stand {
    innovations: Innovations,
    recent: Recent,
    odometry: OdometryHistory,
    robot: Robot,
    rng: Rng,
    ms: i64,
}

const TWIST: Twist2 = Twist2::new(0.6, 0.4);

impl Stand {
    fn new(seed: u64) -> Self {
        let mut stand = Self {
            innovations: Innovations::default(),
            recent: Recent::default(),
            odometry: OdometryHistory::default(),
            robot: robot(),
            rng: Rng::new(seed, 7, 0),
            ms: 1000,
        };
        stand.drive();
        stand
    }

    fn odom_from_base(ms: i64) -> Pose2 {
        Pose2::new(3.0, -1.0, 0.7).advance(TWIST, ms as f64 * 1e-3)
    }

    fn map_from_base(ms: i64) -> Pose2 {
        Pose2::new(-2.0, 4.0, 2.5).then(Self::odom_from_base(ms))
    }

    /// A tenth of a second.
    fn drive(&mut self) {
        for _ in 0..5 {
            self.ms += 20;
            let odom_from_base = Self::odom_from_base(self.ms);
            let odometry =
                Odometry { stamp: at(self.ms), odom_from_base, twist: TWIST, ..Odometry::default() };
            let arrival = Arrival { received: Instant::from_nanos(self.ms), latest: at(self.ms) };
            self.odometry.take(&odometry, arrival, &self.robot.limits);
        }
    }

    fn world(&mut self, tracks: &[Track], ms: i64) {
        self.recent.take(tracks, at(ms), Self::map_from_base(ms), true);
    }

    fn take(&mut self, set: &DetectionSet) {
        let Self { innovations, recent, odometry, robot, .. } = self;
        let arrival = Arrival { received: Instant::from_nanos(0), latest: set.stamp };
        innovations.take(set, arrival, recent, odometry, robot, &CONFIG);
    }

    fn noisy(&mut self, p: Point2, sigma_m: f64) -> Point2 {
        Point2::new(p.x_m + sigma_m * self.rng.normal(), p.y_m + sigma_m * self.rng.normal())
    }

    /// One picture of somebody who walks, and the world model before it. The detector states `stated` times its error.
    fn picture(&mut self, version: &str, stated: f64) {
        self.drive();
        let person = Point2::new(0.9e-3 * self.ms as f64, 3.0);
        let position = self.noisy(Point2::new(person.x_m - 0.045, 3.0), TRACK_M);
        self.world(&[walker(position)], self.ms - 50);
        let map_from_base = Self::map_from_base(self.ms);
        let seen = self.noisy(map_from_base.inverse().apply(person), DETECTION_M);
        let sigma_m = stated * DETECTION_M;
        self.take(&DetectionSet { model_version: version.into(), ..set(self.ms, &[(seen, sigma_m)]) });
    }
}

fn walker(position: Point2) -> Track {
    let mut covariance = [0.0; 16];
    (covariance[0], covariance[5]) = (TRACK_M * TRACK_M, TRACK_M * TRACK_M);
    let state = TrackState::Confirmed;
    Track { state, position, velocity: Point2::new(0.9, 0.0), covariance, ..Track::default() }
}

fn set(ms: i64, detections: &[(Point2, f64)]) -> DetectionSet {
    let detection = |(position, sigma_m): &(Point2, f64)| Detection {
        position: *position,
        covariance: [sigma_m * sigma_m, 0.0, 0.0, sigma_m * sigma_m],
        body: None,
        radius_m: 0.25,
        existence: 0.9,
        class_probabilities: vec![0.1, 0.8, 0.1],
    };
    DetectionSet {
        stamp: at(ms),
        frame: "base_link".into(),
        model_id: "m".into(),
        model_version: "1".into(),
        class_labels: ["forklift", "person", "other"].map(String::from).to_vec(),
        detections: detections.iter().map(detection).collect(),
        ..DetectionSet::default()
    }
}

fn key(version: &str) -> Key<'_> {
    Key { class: "person", model: "m", version }
}

#[test]
fn who_states_the_truth_is_believed() {
    for seed in 0..20 {
        let mut stand = Stand::new(seed);
        for _ in 0..300 {
            stand.picture("1", 1.0);
            assert!(stand.innovations.worst(&CONFIG) < 1.67, "{}", stand.innovations.worst(&CONFIG));
        }
        assert_eq!(stand.innovations.judged, 300);
    }
    // On average: the floor takes a twelfth off.
    let mut sum = 0.0;
    for seed in 0..40 {
        let mut stand = Stand::new(seed);
        (0..50).for_each(|_| stand.picture("1", 1.0));
        sum += stand.innovations.worst(&CONFIG) / 40.0;
    }
    assert!((sum - 0.0125 / 0.0134).abs() < 0.07, "{sum}");
}

#[test]
fn who_states_a_tenth_of_his_error_is_caught_as_soon_as_he_is_judged() {
    for seed in 0..20 {
        let mut stand = Stand::new(seed);
        for n in 1..=CONFIG.samples_min {
            stand.picture("1", 0.1);
            let caught = stand.innovations.worst(&CONFIG) > 1.67;
            assert_eq!(caught, n == CONFIG.samples_min, "{n}: {}", stand.innovations.worst(&CONFIG));
        }
        let mut modest = Stand::new(seed);
        (0..50).for_each(|_| modest.picture("1", 10.0));
        assert!(modest.innovations.worst(&CONFIG) < 0.1, "too much doubt does no harm");
    }
}

#[test]
fn a_new_version_is_another_key_and_the_old_one_is_forgotten_in_time() {
    let mut stand = Stand::new(1);
    (0..30).for_each(|_| stand.picture("1", 0.1));
    let old = stand.innovations.worst(&CONFIG);
    assert!(old > 1.67);
    (0..19).for_each(|_| stand.picture("2", 1.0));
    let samples = |stand: &Stand, version| stand.innovations.held.get(key(version)).map(Window::len);
    assert_eq!((samples(&stand, "1"), samples(&stand, "2")), (Some(30), Some(19)));
    assert!((stand.innovations.worst(&CONFIG) - old).abs() < 1e-12, "it had spoken a moment ago");
    for _ in 0..600 {
        stand.picture("2", 1.0);
    }
    assert!(stand.innovations.worst(&CONFIG) < 1.67, "a minute later only the new one counts");
}

#[test]
fn a_model_with_a_new_name_for_every_picture_is_caught_all_the_same() {
    let mut stand = Stand::new(2);
    (0..60).for_each(|n| stand.picture(&n.to_string(), 0.1));
    assert!(stand.innovations.worst(&CONFIG) > 1.67);
    assert!(stand.innovations.held.beyond() > 0);
}

#[test]
fn a_detection_is_not_held_against_a_track_that_has_used_it() {
    let mut stand = Stand::new(3);
    stand.drive();
    let ms = stand.ms;
    let there = Point2::new(5.0, 3.0);
    let seen = Stand::map_from_base(ms).inverse().apply(there);
    // From before: half a metre off. From the moment of the picture, and after: exactly there.
    stand.world(&[Track { velocity: Point2::default(), ..walker(Point2::new(5.5, 3.0)) }], ms - 50);
    stand.world(&[walker(there)], ms);
    stand.world(&[walker(Point2::new(5.045, 3.0))], ms + 50);
    stand.take(&set(ms, &[(seen, DETECTION_M)]));
    let nis = stand.innovations.held.get(key("1")).map(Window::mean);
    let expected = 0.25 / (TRACK_M * TRACK_M + DETECTION_M * DETECTION_M + 0.0009);
    assert!((nis.unwrap() - expected).abs() < 0.01, "{nis:?} {expected}");
}

#[test]
fn every_frame_leads_to_the_same() {
    let nis = |frame: &str, set_from_map: fn(i64) -> Pose2| {
        let mut stand = Stand::new(4);
        stand.drive();
        let ms = stand.ms;
        stand.world(&[walker(Point2::new(4.0, 3.0))], ms - 50);
        let seen = set_from_map(ms).apply(Point2::new(4.2, 3.1));
        stand.take(&DetectionSet { frame: frame.into(), ..set(ms, &[(seen, DETECTION_M)]) });
        stand.innovations.held.get(key("1")).map(Window::mean).unwrap()
    };
    let lidar = |ms| Stand::map_from_base(ms).then(robot().base_from_lidar).inverse();
    let odom = |ms| Stand::odom_from_base(ms).then(Stand::map_from_base(ms).inverse());
    let expected = nis("map", |_| Pose2::IDENTITY);
    for got in
        [nis("base_link", |ms| Stand::map_from_base(ms).inverse()), nis("laser", lidar), nis("odom", odom)]
    {
        assert!((got - expected).abs() < 1e-4, "{got} {expected}");
    }
}

#[test]
fn neighbours_are_told_apart_and_strangers_left_out() {
    let mut stand = Stand::new(5);
    stand.drive();
    let ms = stand.ms;
    let still = |x_m| Track { velocity: Point2::default(), ..walker(Point2::new(x_m, 3.0)) };
    let places = |xs: &[f64]| xs.iter().map(|x| Point2::new(*x, 3.0)).collect::<Vec<_>>();
    stand.world(&[still(0.0), still(0.6), Track { state: TrackState::Tentative, ..still(9.0) }], ms - 50);
    let snapshot = stand.recent.before(at(ms)).unwrap();
    let chosen = |xs: &[f64]| pairs(snapshot, 0.05, &places(xs), 1.5);
    assert_eq!(chosen(&[0.75, 0.1]), [(0, 1), (1, 0)], "whatever their order");
    assert_eq!(chosen(&[0.5]), [(1, 0)], "one was missed");
    assert_eq!(chosen(&[0.3, 9.0]), [(0, 0)], "a tie goes to the first; nobody expects the other");
    assert_eq!(chosen(&[2.2]), [], "farther than the gate");
}

#[test]
fn what_is_no_covariance_makes_the_source_invalid_until_the_next_good_set() {
    let age = |stand: &Stand| {
        let now = Now { mono: Instant::from_nanos(0), ros: at(stand.ms) };
        stand.innovations.source.age_s(now, Span::ZERO)
    };
    let bad: [fn(&mut DetectionSet); 6] = [
        |s| s.detections[0].covariance = [0.01, 0.02, 0.02, 0.01],
        |s| s.detections[0].covariance = [0.01, 0.001, -0.001, 0.01],
        |s| s.detections[0].covariance[0] = f64::NAN,
        |s| s.detections[0].covariance = [0.0; 4],
        |s| s.detections[0].position.x_m = f64::INFINITY,
        |s| s.frame = "camera".into(),
    ];
    for spoil in bad {
        let mut stand = Stand::new(6);
        stand.picture("1", 1.0);
        assert!(age(&stand) < 0.01);
        stand.drive();
        let mut set = set(stand.ms, &[(Point2::new(3.0, 0.0), 0.1)]);
        spoil(&mut set);
        stand.take(&set);
        assert!(age(&stand).is_nan());
        stand.picture("1", 1.0);
        assert!(age(&stand) < 0.01);
    }
}

/// A track that states what no covariance is cannot be told from one that knows nothing.
#[test]
fn a_spread_that_cannot_be_inverted_is_the_worst() {
    let mut stand = Stand::new(7);
    for _ in 0..20 {
        stand.drive();
        let ms = stand.ms;
        let mut track = walker(Point2::new(5.0, 3.0));
        track.covariance[1] = 1.0;
        stand.world(&[track], ms - 50);
        let seen = Stand::map_from_base(ms).inverse().apply(Point2::new(5.0, 3.0));
        stand.take(&set(ms, &[(seen, 0.1)]));
    }
    assert!(stand.innovations.worst(&CONFIG).is_infinite());
}

proptest! {
    /// Against F·P·Fᵀ, element by element.
    #[test]
    fn a_spread_is_carried_on_as_by_the_matrix(entries in prop::collection::vec(-1.0..1.0f64, 16), dt in -0.3..0.3f64) {
        // A·Aᵀ is a covariance.
        let a = |r: usize, c: usize| entries[4 * r + c];
        let p = |r: usize, c: usize| (0..4).map(|k| a(r, k) * a(c, k)).sum::<f64>();
        let covariance = std::array::from_fn(|i| p(i / 4, i % 4));
        let expected = Expected { position: Point2::default(), velocity: Point2::default(), covariance };
        let f = |r: usize, c: usize| if r == c { 1.0 } else if c == r + 2 { dt } else { 0.0 };
        let brute = |r: usize, c: usize| {
            (0..4).flat_map(|i| (0..4).map(move |j| (i, j))).map(|(i, j)| f(r, i) * p(i, j) * f(c, j)).sum::<f64>()
        };
        let got = expected.spread_at(dt);
        for (got, brute) in [(got.xx, brute(0, 0)), (got.xy, brute(0, 1)), (got.yy, brute(1, 1))] {
            prop_assert!((got - brute).abs() < 1e-12);
        }
    }

    /// A displacement along the long axis of a turned ellipse weighs as before it was turned.
    #[test]
    fn turning_changes_nothing_but_the_direction(
        xx in 0.01..1.0f64, yy in 0.01..1.0f64, share in -0.9..0.9f64, yaw in -3.0..3.0f64, x in -1.0..1.0f64, y in -1.0..1.0f64
    ) {
        let spread = Spread { xx, xy: share * (xx * yy).sqrt(), yy };
        let p = Pose2::new(0.0, 0.0, yaw).apply(Point2::new(x, y));
        let turned = spread.turned(yaw).normalised_sq(p.x_m, p.y_m);
        prop_assert!((turned - spread.normalised_sq(x, y)).abs() < 1e-6 * (1.0 + turned));
    }
}
