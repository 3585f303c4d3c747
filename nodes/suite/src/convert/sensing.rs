//! Scans, odometry, inertial data, transforms, maps and detections.

use super::{
    Checked, Of, all_finite, at_most, body_box_from, body_box_to, finite, header, pose_from, pose_message,
    quaternion, stamp_from, within, yaw_from,
};
use outrider_foundation::data::{
    BEAM_LIMIT, DETECTION_LIMIT, Detection, DetectionSet, Imu, OccupancyMap, Odometry, Scan, TransformStamped,
};
use outrider_foundation::grid::CELL_LIMIT;
use outrider_foundation::{Point2, Pose2, Twist2};
use outrider_msgs::geometry_msgs::{Transform, Vector3};
use outrider_msgs::{geometry_msgs, nav_msgs, outrider_msgs as ours, sensor_msgs, tf2_msgs};

/// A scan. Ranges are kept as they are, NaN and infinities included: they mean something (REP-117).
pub fn scan_from_message(m: sensor_msgs::LaserScan) -> Checked<Scan> {
    at_most("ranges", m.ranges.len(), BEAM_LIMIT)?;
    let increment = finite("angle_increment", f64::from(m.angle_increment))?;
    let angle_min_rad = finite("angle_min", f64::from(m.angle_min))?;
    let angle_max_rad = finite("angle_max", f64::from(m.angle_max))?;
    if m.ranges.is_empty() {
        return Err("ranges: a scan without beams".to_owned());
    }
    if increment.abs() < 1e-6 {
        return Err(format!("angle_increment: {increment} is zero"));
    }
    // Drivers disagree by one beam on whether angle_max is the last beam or one beyond.
    let beams = (angle_max_rad - angle_min_rad) / increment + 1.0;
    if (beams - m.ranges.len() as f64).abs() > 1.5 {
        return Err(format!("ranges: {} beams where the angles say {beams:.1}", m.ranges.len()));
    }
    let range_min_m = within("range_min", f64::from(m.range_min), 0.0, 1e4)?;
    let range_max_m = within("range_max", f64::from(m.range_max), range_min_m, 1e4)?;
    Ok(Scan {
        stamp: stamp_from(&m.header.stamp)?,
        frame: m.header.frame_id,
        angle_min_rad,
        angle_increment_rad: increment,
        time_increment_s: within("time_increment", f64::from(m.time_increment), 0.0, 1.0)?,
        range_min_m,
        range_max_m,
        ranges_m: m.ranges,
    })
}

/// A scan as its message.
pub fn scan_to_message(s: &Scan, period_s: f64) -> sensor_msgs::LaserScan {
    let last = s.ranges_m.len().saturating_sub(1);
    sensor_msgs::LaserScan {
        header: header(s.stamp, &s.frame),
        angle_min: s.angle_min_rad as f32,
        angle_max: s.angle_rad(last) as f32,
        angle_increment: s.angle_increment_rad as f32,
        time_increment: s.time_increment_s as f32,
        scan_time: period_s as f32,
        range_min: s.range_min_m as f32,
        range_max: s.range_max_m as f32,
        ranges: s.ranges_m.clone(),
        intensities: Vec::new(),
    }
}

/// Rows and columns of x, y and yaw in ROS's 6×6 covariances.
const PLANAR: [usize; 9] = [0, 1, 5, 6, 7, 11, 30, 31, 35];

/// Odometry: of `base_link` in `odom` (REP-105), and of nothing else.
pub fn odometry_from_message(m: nav_msgs::Odometry) -> Checked<Odometry> {
    for (field, found, needed) in [
        ("header.frame_id", &m.header.frame_id, super::ODOM),
        ("child_frame_id", &m.child_frame_id, super::BASE),
    ] {
        if found.trim_start_matches('/') != needed {
            return Err(format!("{field}: `{found}` is not {needed}"));
        }
    }
    let all = all_finite("pose.covariance", m.pose.covariance)?;
    let mut pose_covariance = [0.0; 9];
    for (to, from) in pose_covariance.iter_mut().zip(PLANAR) {
        *to = all.get(from).copied().unwrap_or_default();
    }
    let twist_all = all_finite("twist.covariance", m.twist.covariance)?;
    let variance =
        |at: usize| within("twist.covariance", twist_all.get(at).copied().unwrap_or(f64::NAN), 0.0, 1e9);
    Ok(Odometry {
        stamp: stamp_from(&m.header.stamp)?,
        odom_from_base: pose_from("pose.pose", &m.pose.pose)?,
        pose_covariance,
        twist: Twist2 {
            v_mps: within("twist.linear.x", m.twist.twist.linear.x, -100.0, 100.0)?,
            w_radps: within("twist.angular.z", m.twist.twist.angular.z, -100.0, 100.0)?,
        },
        twist_variance: [variance(0)?, variance(35)?],
    })
}

/// Odometry as its message.
pub fn odometry_to_message(o: &Odometry) -> nav_msgs::Odometry {
    let mut m = nav_msgs::Odometry {
        header: header(o.stamp, super::ODOM),
        child_frame_id: super::BASE.to_owned(),
        ..Default::default()
    };
    m.pose.pose = pose_message(o.odom_from_base);
    for (at, value) in PLANAR.into_iter().zip(o.pose_covariance) {
        if let Some(cell) = m.pose.covariance.get_mut(at) {
            *cell = value;
        }
    }
    m.twist.twist.linear.x = o.twist.v_mps;
    m.twist.twist.angular.z = o.twist.w_radps;
    let [v, w] = o.twist_variance;
    for (at, value) in [(0, v), (35, w)] {
        if let Some(cell) = m.twist.covariance.get_mut(at) {
            *cell = value;
        }
    }
    m
}

/// Inertial data; only the plane is used.
pub fn imu_from_message(m: sensor_msgs::Imu) -> Checked<Imu> {
    Ok(Imu {
        stamp: stamp_from(&m.header.stamp)?,
        frame: m.header.frame_id,
        yaw_rate_radps: within("angular_velocity.z", m.angular_velocity.z, -100.0, 100.0)?,
        // −1 in the first element says that the quantity is not measured; unknown variances are zero (sensor_msgs/Imu).
        yaw_rate_variance: within(
            "angular_velocity_covariance[8]",
            m.angular_velocity_covariance[8],
            0.0,
            1e6,
        )?,
        accel_x_mps2: finite("linear_acceleration.x", m.linear_acceleration.x)?,
        accel_y_mps2: finite("linear_acceleration.y", m.linear_acceleration.y)?,
        accel_variance: finite("linear_acceleration_covariance[0]", m.linear_acceleration_covariance[0])?
            .max(0.0),
    })
}

/// What an inertial unit at rest measures upwards, m/s² (REP-145: gravity is not taken away); standard gravity, ISO 80000-3.
const GRAVITY_MPS2: f64 = 9.806_65;

/// Inertial data as its message; the orientation is marked as not measured. On a level floor the rates about x and y are as sure as
/// that about z.
pub fn imu_to_message(i: &Imu) -> sensor_msgs::Imu {
    let mut m = sensor_msgs::Imu { header: header(i.stamp, &i.frame), ..Default::default() };
    m.orientation_covariance[0] = -1.0;
    m.angular_velocity.z = i.yaw_rate_radps;
    m.linear_acceleration = Vector3 { x: i.accel_x_mps2, y: i.accel_y_mps2, z: GRAVITY_MPS2 };
    for at in [0, 4, 8] {
        m.angular_velocity_covariance[at] = i.yaw_rate_variance;
        m.linear_acceleration_covariance[at] = i.accel_variance;
    }
    m
}

/// A transform that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedTransform {
    /// Its frames,
    pub parent: String,
    /// as they were stated.
    pub child: String,
    /// Why.
    pub reason: String,
}

/// Transforms; each is judged for itself, so that one bad one does not take the others along.
pub fn transforms_from_message(
    m: tf2_msgs::TFMessage,
) -> Checked<Vec<Result<TransformStamped, RefusedTransform>>> {
    at_most("transforms", m.transforms.len(), 256)?;
    let one = |t: geometry_msgs::TransformStamped| {
        let (parent, child) = (t.header.frame_id.clone(), t.child_frame_id.clone());
        transform_from(t).map_err(|reason| RefusedTransform { parent, child, reason })
    };
    Ok(m.transforms.into_iter().map(one).collect())
}

fn transform_from(t: geometry_msgs::TransformStamped) -> Checked<TransformStamped> {
    let (parent, child) = (&t.header.frame_id, &t.child_frame_id);
    let name = format_args!("transform {parent} from {child}");
    Ok(TransformStamped {
        stamp: stamp_from(&t.header.stamp).map_err(|e| format!("{name}: {e}"))?,
        parent_from_child: Pose2 {
            x_m: finite(format_args!("{name}: translation.x"), t.transform.translation.x)?,
            y_m: finite(format_args!("{name}: translation.y"), t.transform.translation.y)?,
            yaw_rad: yaw_from(format_args!("{name}: rotation"), &t.transform.rotation)?,
        },
        parent: t.header.frame_id,
        child: t.child_frame_id,
    })
}

/// Transforms as their message.
pub fn transforms_to_message(transforms: &[TransformStamped]) -> tf2_msgs::TFMessage {
    let one = |t: &TransformStamped| geometry_msgs::TransformStamped {
        header: header(t.stamp, &t.parent),
        child_frame_id: t.child.clone(),
        transform: Transform {
            translation: Vector3 { x: t.parent_from_child.x_m, y: t.parent_from_child.y_m, z: 0.0 },
            rotation: quaternion(t.parent_from_child.yaw_rad),
        },
    };
    tf2_msgs::TFMessage { transforms: transforms.iter().map(one).collect() }
}

/// A map.
pub fn map_from_message(m: nav_msgs::OccupancyGrid) -> Checked<OccupancyMap> {
    let cells = u64::from(m.info.width) * u64::from(m.info.height);
    if cells == 0 || cells > CELL_LIMIT as u64 || cells != m.data.len() as u64 {
        return Err(format!(
            "data: {} cells for a map of {} x {}, at most {CELL_LIMIT}",
            m.data.len(),
            m.info.width,
            m.info.height
        ));
    }
    if let Some(value) = m.data.iter().find(|v| **v < -1 || **v > 100) {
        return Err(format!("data: {value} is not within [-1, 100]"));
    }
    let origin = pose_from("info.origin", &m.info.origin)?;
    if origin.yaw_rad.abs() > 1e-3 {
        return Err(format!("info.origin: turned by {} rad; turn the map itself", origin.yaw_rad));
    }
    Ok(OccupancyMap {
        stamp: stamp_from(&m.header.stamp)?,
        frame: m.header.frame_id,
        resolution_m: within("info.resolution", f64::from(m.info.resolution), 0.005, 1.0)?,
        width: m.info.width,
        height: m.info.height,
        origin: origin.position(),
        cells: m.data,
    })
}

/// A map as its message.
pub fn map_to_message(map: &OccupancyMap) -> nav_msgs::OccupancyGrid {
    nav_msgs::OccupancyGrid {
        header: header(map.stamp, &map.frame),
        info: nav_msgs::MapMetaData {
            map_load_time: outrider_runtime::time_message(map.stamp),
            resolution: map.resolution_m as f32,
            width: map.width,
            height: map.height,
            origin: pose_message(Pose2::new(map.origin.x_m, map.origin.y_m, 0.0)),
        },
        data: map.cells.clone(),
    }
}

/// Detections. More than the limit are cut off with an error, so that work stays bounded.
pub fn detections_from_message(m: ours::DetectionArray) -> Checked<DetectionSet> {
    at_most("detections", m.detections.len(), DETECTION_LIMIT)?;
    at_most("class_labels", m.class_labels.len(), 64)?;
    let classes = m.class_labels.len();
    let detections = m.detections.into_iter().enumerate();
    Ok(DetectionSet {
        stamp: stamp_from(&m.header.stamp)?,
        frame: m.header.frame_id,
        sequence: m.sequence,
        model_id: m.model_id,
        model_version: m.model_version,
        detections: detections.map(|(i, d)| detection_from(i, d, classes)).collect::<Checked<_>>()?,
        class_labels: m.class_labels,
    })
}

fn detection_from(index: usize, d: ours::Detection, classes: usize) -> Checked<Detection> {
    let field = |name| Of("detections", index, name);
    if d.class_probabilities.len() != classes {
        return Err(format!(
            "{}: {} for {classes} classes",
            field("class_probabilities"),
            d.class_probabilities.len()
        ));
    }
    if let Some(p) = d.class_probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(format!("{}: {p} is not within [0, 1]", field("class_probabilities")));
    }
    let [xx, xy, yx, yy] = all_finite(field("covariance"), d.covariance)?;
    // Sylvester's criterion for a symmetric 2×2 matrix.
    if xx <= 0.0 || yy <= 0.0 || (xy - yx).abs() > 1e-6 * (xx + yy) || xx * yy - xy * yx <= 0.0 {
        return Err(format!("{}: {:?} is not positive definite", field("covariance"), d.covariance));
    }
    let body = [d.body_x, d.body_y, d.body_yaw, d.body_length, d.body_width];
    Ok(Detection {
        body: body_box_from("detections", index, body)?,
        position: Point2::new(finite(field("x"), d.x)?, finite(field("y"), d.y)?),
        covariance: d.covariance,
        radius_m: within(field("radius"), d.radius, 0.0, 10.0)?,
        existence: within(field("existence"), d.existence, 0.0, 1.0)?,
        class_probabilities: d.class_probabilities,
    })
}

/// Detections as their message.
pub fn detections_to_message(set: &DetectionSet) -> ours::DetectionArray {
    let one = |d: &Detection| {
        let [body_x, body_y, body_yaw, body_length, body_width] = body_box_to(d.body);
        ours::Detection {
            x: d.position.x_m,
            y: d.position.y_m,
            covariance: d.covariance,
            radius: d.radius_m,
            existence: d.existence,
            class_probabilities: d.class_probabilities.clone(),
            body_x,
            body_y,
            body_yaw,
            body_length,
            body_width,
        }
    };
    ours::DetectionArray {
        header: header(set.stamp, &set.frame),
        sequence: set.sequence,
        model_id: set.model_id.clone(),
        model_version: set.model_version.clone(),
        class_labels: set.class_labels.clone(),
        detections: set.detections.iter().map(one).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::Stamp;
    use outrider_foundation::data::BodyBox;

    fn scan() -> Scan {
        Scan {
            stamp: Stamp::from_nanos(5_000_000_123),
            frame: "laser".into(),
            angle_min_rad: -1.0,
            angle_increment_rad: 0.5,
            time_increment_s: 0.0,
            range_min_m: 0.125,
            range_max_m: 25.0,
            ranges_m: vec![1.0, f32::INFINITY, 2.0, 0.5, 7.0],
        }
    }

    #[test]
    fn a_scan_survives_and_infinity_stays() {
        assert_eq!(scan_from_message(scan_to_message(&scan(), 0.05)).unwrap(), scan());
    }

    #[test]
    fn impossible_scans_name_the_field() {
        let mut m = scan_to_message(&scan(), 0.05);
        m.ranges.push(1.0);
        m.ranges.push(1.0);
        assert_eq!(scan_from_message(m).unwrap_err(), "ranges: 7 beams where the angles say 5.0");
        let mut m = scan_to_message(&scan(), 0.05);
        m.angle_increment = f32::NAN;
        assert_eq!(scan_from_message(m).unwrap_err(), "angle_increment: NaN is not a finite number");
        let mut m = scan_to_message(&scan(), 0.05);
        m.ranges.clear();
        assert_eq!(scan_from_message(m).unwrap_err(), "ranges: a scan without beams");
    }

    #[test]
    fn odometry_survives_and_a_nan_twist_is_refused() {
        let odometry = Odometry {
            stamp: Stamp::from_nanos(7),
            odom_from_base: Pose2::new(1.0, -2.0, 0.5),
            pose_covariance: [0.1, 0.0, 0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 0.3],
            twist: Twist2::new(0.4, -0.1),
            twist_variance: [0.01, 0.02],
        };
        let back = odometry_from_message(odometry_to_message(&odometry)).unwrap();
        assert!((back.odom_from_base.yaw_rad - 0.5).abs() < 1e-12);
        assert_eq!(
            (back.pose_covariance, back.twist, back.twist_variance),
            (odometry.pose_covariance, odometry.twist, odometry.twist_variance)
        );
        let mut m = odometry_to_message(&odometry);
        m.twist.twist.linear.x = f64::NAN;
        assert_eq!(odometry_from_message(m).unwrap_err(), "twist.linear.x: NaN is not within [-100, 100]");
        let mut m = odometry_to_message(&odometry);
        m.header.frame_id = "map".into();
        assert_eq!(odometry_from_message(m).unwrap_err(), "header.frame_id: `map` is not odom");
        let mut m = odometry_to_message(&odometry);
        m.child_frame_id = "laser".into();
        assert_eq!(odometry_from_message(m).unwrap_err(), "child_frame_id: `laser` is not base_link");
    }

    #[test]
    fn detections_need_a_positive_definite_covariance() {
        let set = DetectionSet {
            class_labels: vec!["person".into()],
            detections: vec![Detection {
                covariance: [0.01, 0.0, 0.0, 0.01],
                class_probabilities: vec![0.9],
                body: Some(BodyBox { pose: Pose2::new(1.0, -2.0, 0.5), length_m: 3.5, width_m: 1.25 }),
                ..Default::default()
            }],
            ..Default::default()
        };
        assert_eq!(detections_from_message(detections_to_message(&set)).unwrap(), set);
        let refused = |change: fn(&mut ours::Detection)| {
            let mut m = detections_to_message(&set);
            change(&mut m.detections[0]);
            detections_from_message(m).unwrap_err()
        };
        let (far, wide) = (refused(|d| d.body_length = 41.0), refused(|d| d.body_width = f64::NAN));
        assert_eq!(far, "detections[0].body_length: 41 is not within [0.001, 40]");
        assert_eq!(wide, "detections[0].body_width: NaN is not within [0.001, 40]");
        let thin = refused(|d| d.body_width = 1e-17);
        assert_eq!(thin, "detections[0].body_width: 0.00000000000000001 is not within [0.001, 40]");
        assert!(refused(|d| d.body_yaw = f64::INFINITY).starts_with("detections[0].body[2]: "));
        let mut m = detections_to_message(&set);
        m.detections[0].body_length = 0.0;
        assert_eq!(detections_from_message(m).unwrap().detections[0].body, None);
        let mut m = detections_to_message(&set);
        m.detections[0].covariance = [0.01, 0.02, 0.02, 0.01];
        assert!(detections_from_message(m).unwrap_err().contains("not positive definite"));
        let mut m = detections_to_message(&set);
        m.detections[0].class_probabilities.push(0.1);
        assert_eq!(
            detections_from_message(m).unwrap_err(),
            "detections[0].class_probabilities: 2 for 1 classes"
        );
    }

    #[test]
    fn a_tilted_transform_does_not_take_the_others_along() {
        let to = |child: &str, yaw_rad| TransformStamped {
            parent: "base_link".into(),
            child: child.into(),
            parent_from_child: Pose2::new(0.1, 0.0, yaw_rad),
            ..TransformStamped::default()
        };
        let good = [to("imu", 0.0), to("laser", 0.0)];
        let mut m = transforms_to_message(&[good[0].clone(), to("camera_optical", 0.0), good[1].clone()]);
        // As a camera's optical frame is: x to the right, y down, z ahead.
        m.transforms[1].transform.rotation = geometry_msgs::Quaternion { x: -0.5, y: 0.5, z: -0.5, w: 0.5 };
        let (taken, refused): (Vec<_>, Vec<_>) =
            transforms_from_message(m).unwrap().into_iter().partition(Result::is_ok);
        assert_eq!(taken.into_iter().map(Result::unwrap).collect::<Vec<_>>(), good);
        let refused = refused.into_iter().map(Result::unwrap_err).next().unwrap();
        assert_eq!((refused.parent.as_str(), refused.child.as_str()), ("base_link", "camera_optical"));
        let reason = "transform base_link from camera_optical: rotation: tilted by 1.57 rad, more than 0.2";
        assert_eq!(refused.reason, reason);
    }

    #[test]
    fn a_map_must_have_as_many_cells_as_it_says() {
        let map = OccupancyMap {
            frame: "map".into(),
            resolution_m: 0.5,
            width: 2,
            height: 1,
            cells: vec![0, 100],
            ..Default::default()
        };
        assert_eq!(map_from_message(map_to_message(&map)).unwrap(), map);
        let mut m = map_to_message(&map);
        m.info.width = 3;
        assert!(map_from_message(m).unwrap_err().contains("2 cells for a map of 3 x 1"));
    }
}
