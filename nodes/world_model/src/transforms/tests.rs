use super::*;
use outrider_foundation::geometry::wrap_angle;
use proptest::prelude::*;

fn stamp(ms: i64) -> Stamp {
    Stamp::from_nanos(ms * 1_000_000)
}

fn transform(ms: i64, parent: &str, child: &str, pose: Pose2) -> TransformStamped {
    TransformStamped { stamp: stamp(ms), parent: parent.into(), child: child.into(), parent_from_child: pose }
}

/// map > odom > base_link > laser, and a camera on a mast that turns.
fn robot() -> TransformBuffer {
    let mut buffer = TransformBuffer::new(0.2);
    for i in 0..5 {
        buffer.set(&transform(1000 + 100 * i, "map", "odom", Pose2::new(5.0, 0.0, 0.0))).unwrap();
        let x_m = i as f64;
        buffer.set(&transform(1000 + 100 * i, "odom", "base_link", Pose2::new(x_m, 0.0, 0.0))).unwrap();
    }
    buffer.set_static(&transform(0, "base_link", "laser", Pose2::new(0.1, 0.0, 0.0))).unwrap();
    buffer
}

#[test]
fn frames_are_found_through_the_tree_at_a_time() {
    let buffer = robot();
    let pose = buffer.lookup("map", "laser", stamp(1250)).unwrap();
    assert!((pose.x_m - 7.6).abs() < 1e-12, "{pose:?}");
    let back = buffer.lookup("laser", "map", stamp(1250)).unwrap();
    assert!((back.x_m + 7.6).abs() < 1e-12);
    assert_eq!(buffer.lookup("laser", "laser", stamp(0)), Ok(Pose2::IDENTITY));
    // Beside each other: what they have in common is not needed for that time.
    let mut buffer = robot();
    buffer.set_static(&transform(0, "base_link", "camera", Pose2::new(-0.1, 0.0, 0.0))).unwrap();
    assert!((buffer.lookup("camera", "laser", stamp(9_000_000)).unwrap().x_m - 0.2).abs() < 1e-12);
    let (found, pose) = buffer.to_first("camera", &["odom", "base_link"], stamp(9_000_000)).unwrap();
    assert_eq!((found, pose.x_m), (1, -0.1));
}

#[test]
fn errors_say_which_frame_at_which_time_and_what_is_held() {
    let mut buffer = robot();
    let told = |buffer: &TransformBuffer, target: &str, source: &str, ms| {
        buffer.lookup(target, source, stamp(ms)).unwrap_err().to_string()
    };
    assert_eq!(
        told(&buffer, "map", "camera", 1250),
        "frame 'camera' is not known, asked for 1.250 s; the buffer holds map to odom, odom to base_link, \
         base_link to laser"
    );
    assert_eq!(
        told(&buffer, "map", "laser", 999),
        "odom to base_link: asked for 0.999 s, held from 1.000 s to 1.400 s and 0.2 s beyond"
    );
    assert!(buffer.lookup("map", "laser", stamp(1600)).is_ok());
    assert!(told(&buffer, "map", "laser", 1601).contains("asked for 1.601 s"));
    buffer.set_static(&transform(0, "world", "dock", Pose2::IDENTITY)).unwrap();
    assert!(
        told(&buffer, "dock", "laser", 1250).starts_with("no way from 'laser' to 'dock', asked for 1.250 s")
    );
    assert_eq!(
        told(&TransformBuffer::new(0.1), "a", "b", 0),
        "frame 'a' is not known, asked for 0.000 s; the buffer holds nothing"
    );
}

#[test]
fn over_a_long_gap_nothing_is_made_up() {
    let mut buffer = robot();
    buffer.set(&transform(3400, "odom", "base_link", Pose2::new(9.0, 0.0, 0.0))).unwrap();
    let x_m = |ms| buffer.lookup("odom", "base_link", stamp(ms)).map(|pose| pose.x_m);
    assert_eq!((x_m(1400), x_m(1600), x_m(3400)), (Ok(4.0), Ok(4.0), Ok(9.0)));
    assert_eq!(
        x_m(2400).unwrap_err().to_string(),
        "odom to base_link: asked for 2.400 s, held from 1.000 s to 1.400 s and 0.2 s beyond"
    );
}

#[test]
fn what_is_no_tree_or_too_much_is_refused() {
    let mut buffer = robot();
    let mut refuse = |t: TransformStamped, fixed: bool| {
        let done = if fixed { buffer.set_static(&t) } else { buffer.set(&t) };
        done.unwrap_err().to_string()
    };
    let here = Pose2::IDENTITY;
    assert_eq!(
        refuse(transform(1500, "odom", "laser", here), false),
        "odom to laser of 1.500 s: 'laser' has the parent 'base_link' already"
    );
    assert!(refuse(transform(1500, "laser", "map", here), false).contains("loop"));
    assert!(refuse(transform(1500, "map", "map", here), false).contains("loop"));
    assert!(refuse(transform(1399, "map", "odom", here), false).contains("backwards"));
    assert!(refuse(transform(1500, "base_link", "laser", here), false).contains("static"));
    assert!(refuse(transform(1500, "map", "odom", here), true).contains("dynamic"));
    assert!(refuse(transform(1500, "map", "", here), false).contains("name"));
    assert!(refuse(transform(1500, &"x".repeat(999), "y", here), false).contains("name"));
    assert!(refuse(transform(1500, "map", "odom", Pose2::new(f64::NAN, 0.0, 0.0)), false).contains("finite"));
    for i in 3..TRANSFORM_LIMIT {
        buffer.set_static(&transform(0, "base_link", &format!("part{i}"), here)).unwrap();
    }
    let one_more = buffer.set_static(&transform(0, "base_link", "one_more", here));
    assert!(one_more.unwrap_err().to_string().contains("more than 64"));
    // A clock that was set back: what was dynamic is gone, what is static stays.
    buffer.reset_clock();
    assert!(buffer.lookup("map", "laser", stamp(1250)).is_err());
    assert!(buffer.lookup("base_link", "laser", stamp(0)).is_ok());
}

fn pose() -> impl Strategy<Value = Pose2> {
    (-10.0..10.0, -10.0..10.0, -3.1..3.1).prop_map(|(x, y, yaw)| Pose2::new(x, y, yaw))
}

/// A random tree: the parent of frame `i` is one of the frames before it; a pose at 0 s and one at 1 s, equal when static.
fn trees() -> impl Strategy<Value = Vec<(usize, Pose2, Option<Pose2>)>> {
    proptest::collection::vec((any::<prop::sample::Index>(), pose(), proptest::option::of(pose())), 1..20)
        .prop_map(|list| {
            list.into_iter().enumerate().map(|(i, (parent, a, b))| (parent.index(i + 1), a, b)).collect()
        })
}

/// By hand: the homogeneous matrix of every frame in the root.
fn by_hand(tree: &[(usize, Pose2, Option<Pose2>)], fraction: f64) -> Vec<nalgebra::Matrix3<f64>> {
    let mut in_root = vec![nalgebra::Matrix3::identity()];
    for (parent, a, b) in tree {
        let b = b.unwrap_or(*a);
        let yaw = a.yaw_rad + fraction * wrap_angle(b.yaw_rad - a.yaw_rad);
        let (x, y) = (a.x_m + fraction * (b.x_m - a.x_m), a.y_m + fraction * (b.y_m - a.y_m));
        let (s, c) = libm::sincos(yaw);
        in_root.push(in_root[*parent] * nalgebra::Matrix3::new(c, -s, x, s, c, y, 0.0, 0.0, 1.0));
    }
    in_root
}

proptest! {
    #[test]
    fn lookups_equal_composition_by_hand(
        tree in trees(),
        fraction in 0.0..1.0f64,
        (from, to) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        let mut buffer = TransformBuffer::new(1.0);
        let name = |i: usize| format!("f{i}");
        for (i, (parent, a, b)) in tree.iter().enumerate() {
            let t = |ms, pose| transform(ms, &name(*parent), &name(i + 1), pose);
            match b {
                None => buffer.set_static(&t(0, *a)).unwrap(),
                Some(b) => {
                    buffer.set(&t(0, *a)).unwrap();
                    buffer.set(&t(1000, *b)).unwrap();
                }
            }
        }
        let at = Stamp::from_nanos((fraction * 1e9) as i64);
        let (from, to) = (from.index(tree.len() + 1), to.index(tree.len() + 1));
        let found = buffer.lookup(&name(to), &name(from), at).unwrap();
        let hand = by_hand(&tree, at.as_s());
        let expected = hand[to].try_inverse().unwrap() * hand[from];
        prop_assert!((found.x_m - expected[(0, 2)]).abs() < 1e-8, "{found:?} {expected}");
        prop_assert!((found.y_m - expected[(1, 2)]).abs() < 1e-8);
        let (s, c) = libm::sincos(found.yaw_rad);
        prop_assert!((c - expected[(0, 0)]).abs() < 1e-9 && (s - expected[(1, 0)]).abs() < 1e-9);
        // And it does not depend on the order of asking.
        let back = buffer.lookup(&name(from), &name(to), at).unwrap().then(found);
        prop_assert!(back.x_m.abs() < 1e-8 && back.y_m.abs() < 1e-8 && back.yaw_rad.abs() < 1e-9);
    }
}
