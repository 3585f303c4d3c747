//! What RViz and Foxglove are shown of the world model: who is where, how surely, where they will be and what they can have
//! reached.

use super::{duration_message, frame_name, header, pose_message};
use outrider_foundation::data::{TRACK_LIMIT, Track, TrackState, WorldModel};
use outrider_foundation::geometry::Ellipse;
use outrider_foundation::{Point2, Pose2, Span};
use outrider_msgs::geometry_msgs::{Point, Vector3};
use outrider_msgs::std_msgs::ColorRGBA;
use outrider_msgs::visualization_msgs::{Marker, MarkerArray};

/// Predictions of a track whose spread is shown, a second from one to the next.
const SPREADS: usize = 3;
/// Points of a predicted way; those farther in the future are left out.
const WAY_POINTS: usize = 64;
/// Disc, rectangle, ellipse, reachable disc, way and name, and the spreads.
const PER_TRACK: usize = 6 + SPREADS;
/// The most markers of one message: one that clears the last ones, the robot's ellipse, and those of every track. A world model
/// has no more than [`TRACK_LIMIT`] tracks, so nothing is left out.
pub const MARKER_LIMIT: usize = 2 + TRACK_LIMIT * PER_TRACK;
/// Markers vanish after this time without newer ones: no frozen picture of a world model that has died.
const LIFETIME: Span = Span::from_millis(1000);
/// Flat things lie one above the other, so that none flickers.
const FLAT_M: f64 = 0.01;
/// Spread of a prediction that is drawn, in standard deviations along its worst axis.
const SPREAD_SIGMAS: f64 = 2.0;

/// The markers of a world model: at most [`MARKER_LIMIT`], in the order of the tracks. Ellipses hold 95 %; a covariance that is none has
/// no ellipse.
pub fn marker_message(w: &WorldModel) -> MarkerArray {
    let clear = Marker { action: Marker::DELETEALL, ..blank(w) };
    let mut markers = Vec::with_capacity(2 + PER_TRACK * w.tracks.len().min(TRACK_LIMIT));
    markers.push(clear);
    let [xx, xy, _, _, yy, ..] = w.ego.covariance;
    markers.extend(ellipse(w, "ego", 0, w.ego.pose.position(), [xx, xy, yy], colour([0.1, 0.5, 1.0], 0.35)));
    for track in w.tracks.iter().take(TRACK_LIMIT) {
        of_track(w, track, &mut markers);
    }
    MarkerArray { markers }
}

fn of_track(w: &WorldModel, track: &Track, into: &mut Vec<Marker>) {
    let id = i32::try_from(track.id % (1 << 30)).unwrap_or_default();
    let tint = match track.state {
        TrackState::Tentative => [0.55, 0.55, 0.55],
        TrackState::Confirmed => [1.0, 0.55, 0.0],
        TrackState::Coasting => [0.95, 0.8, 0.0],
        TrackState::Reachable => [0.9, 0.1, 0.1],
        TrackState::Standing => [0.35, 0.55, 0.75],
    };
    let at = |ns: &str, kind: i32, alpha: f32| Marker {
        ns: ns.to_owned(),
        id,
        r#type: kind,
        pose: pose_message(Pose2::new(track.position.x_m, track.position.y_m, 0.0)),
        color: colour(tint, alpha),
        ..blank(w)
    };
    if track.state == TrackState::Reachable {
        // Its centre is somewhere within; the body is drawn as far as it can reach out.
        let mut disc = at("reachable", Marker::CYLINDER, 0.25);
        disc.scale = flat(track.reachable_m + track.radius_m, track.reachable_m + track.radius_m, 0);
        into.push(disc);
    } else {
        let mut body = at("track", Marker::CYLINDER, 0.8);
        body.scale = Vector3 { x: 2.0 * track.radius_m, y: 2.0 * track.radius_m, z: 0.1 };
        into.push(body);
        into.extend(track.body.map(|of| {
            let mut body = at("body", Marker::CUBE, 0.4);
            body.pose = pose_message(of.pose);
            body.scale = flat(0.5 * of.length_m, 0.5 * of.width_m, 0);
            body
        }));
        let [xx, xy, _, _, _, yy, ..] = track.covariance;
        into.extend(ellipse(w, "covariance", id, track.position, [xx, xy, yy], colour(tint, 0.35)));
        let mut way = at("prediction", Marker::LINE_STRIP, 0.9);
        way.pose = pose_message(Pose2::IDENTITY);
        way.scale.x = 0.05;
        let ahead = track.prediction.iter().take(WAY_POINTS);
        way.points = std::iter::once(&track.position).chain(ahead).map(|p| point(*p)).collect();
        into.push(way);
    }
    let spreads = into.len();
    into.extend(seconds_ahead(track).enumerate().map(|(i, (centre, sigma_m))| {
        let mut spread = at("prediction_spread", Marker::CYLINDER, 0.12);
        spread.id = id.wrapping_mul(SPREADS as i32).wrapping_add(i as i32);
        spread.pose.position = point(centre);
        spread.scale = flat(SPREAD_SIGMAS * sigma_m, SPREAD_SIGMAS * sigma_m, i + 1);
        spread
    }));
    debug_assert!(into.len() - spreads <= SPREADS, "a bound of MARKER_LIMIT");
    let mut name = at("name", Marker::TEXT_VIEW_FACING, 1.0);
    name.scale.z = 0.25;
    name.pose.position.z = 0.5;
    let (label, number, sure) = (&track.class_label, track.id, 100.0 * track.existence);
    name.text = match track.state {
        TrackState::Reachable | TrackState::Coasting => {
            format!("{label} {number} {sure:.0}%, unseen for {:.1} s", track.age_s)
        }
        TrackState::Standing => format!("{label} {number} {sure:.0}%, left standing"),
        TrackState::Tentative | TrackState::Confirmed => format!("{label} {number} {sure:.0}%"),
    };
    into.push(name);
}

/// Predicted place and standard deviation one, two and three seconds ahead, as far as predicted.
fn seconds_ahead(track: &Track) -> impl Iterator<Item = (Point2, f64)> + '_ {
    let index = |second: usize| {
        let steps = (second as f64 / track.prediction_step_s).round();
        // Not a number or too large where there is no sound step: then there is nothing at that place.
        if steps >= 1.0 { steps as usize - 1 } else { usize::MAX }
    };
    (1..=SPREADS).filter_map(move |second| {
        let i = index(second);
        Some((*track.prediction.get(i)?, *track.prediction_sigma_m.get(i)?))
    })
}

/// The ellipse that holds 95 %, lying flat.
fn ellipse(
    w: &WorldModel,
    ns: &str,
    id: i32,
    at: Point2,
    [xx, xy, yy]: [f64; 3],
    color: ColorRGBA,
) -> Option<Marker> {
    let e = Ellipse::of_covariance(xx, xy, yy, Ellipse::SIGMAS_95)?;
    Some(Marker {
        ns: ns.to_owned(),
        id,
        r#type: Marker::CYLINDER,
        pose: pose_message(Pose2::new(at.x_m, at.y_m, e.yaw_rad)),
        scale: flat(e.major_m, e.minor_m, 0),
        color,
        ..blank(w)
    })
}

fn blank(w: &WorldModel) -> Marker {
    Marker {
        header: header(w.stamp, frame_name(w.ego.frame)),
        lifetime: duration_message(LIFETIME),
        ..Default::default()
    }
}

/// Size of something flat with these half axes, the higher the lower in the heap. RViz warns of what has no width.
fn flat(half_x_m: f64, half_y_m: f64, below: usize) -> Vector3 {
    let wide = |half_m: f64| (2.0 * half_m).max(1e-3);
    Vector3 { x: wide(half_x_m), y: wide(half_y_m), z: FLAT_M / (1 + below) as f64 }
}

fn point(p: Point2) -> Point {
    Point { x: p.x_m, y: p.y_m, z: 0.0 }
}

fn colour([r, g, b]: [f32; 3], a: f32) -> ColorRGBA {
    ColorRGBA { r, g, b, a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::data::BodyBox;

    fn track(id: u64, state: TrackState) -> Track {
        Track {
            id,
            state,
            class_label: "person".into(),
            position: Point2::new(1.0, 2.0),
            // Along y twice as wide as along x.
            covariance: std::array::from_fn(|i| match i {
                0 => 0.01,
                5 => 0.04,
                10 | 15 => 0.1,
                _ => 0.0,
            }),
            radius_m: 0.25,
            body: Some(BodyBox { pose: Pose2::new(1.5, 2.0, 0.5), length_m: 3.5, width_m: 1.0 }),
            existence: 0.87,
            age_s: 1.25,
            reachable_m: if state == TrackState::Reachable { 1.5 } else { 0.0 },
            prediction_step_s: 0.2,
            prediction: (1..=15).map(|i| Point2::new(1.0, 2.0 + 0.2 * f64::from(i))).collect(),
            prediction_sigma_m: (1..=15).map(|i| 0.1 * f64::from(i)).collect(),
            ..Default::default()
        }
    }

    fn model(tracks: Vec<Track>) -> WorldModel {
        let mut w = WorldModel { tracks, ..Default::default() };
        w.ego.covariance = [0.01, 0.0, 0.0, 0.0, 0.01, 0.0, 0.0, 0.0, 0.01];
        w
    }

    fn all<'a>(m: &'a MarkerArray, ns: &'a str) -> Vec<&'a Marker> {
        m.markers.iter().filter(|m| m.ns == ns).collect()
    }

    #[test]
    fn a_track_has_body_ellipse_prediction_and_name() {
        let m = marker_message(&model(vec![track(7, TrackState::Confirmed)]));
        assert_eq!(m.markers[0].action, Marker::DELETEALL);
        let e = all(&m, "covariance")[0];
        assert!((e.scale.x - 2.0 * Ellipse::SIGMAS_95 * 0.2).abs() < 1e-9, "{}", e.scale.x);
        assert!((e.scale.y - 2.0 * Ellipse::SIGMAS_95 * 0.1).abs() < 1e-9);
        // The long axis lies along y.
        let q = &e.pose.orientation;
        assert!((2.0 * libm::atan2(q.z, q.w) - std::f64::consts::FRAC_PI_2).abs() < 1e-9);
        assert!((all(&m, "track")[0].scale.x - 0.5).abs() < 1e-12);
        assert_eq!(all(&m, "name")[0].text, "person 7 87%");
        let body = all(&m, "body")[0];
        assert_eq!((body.r#type, body.scale.x, body.scale.y), (Marker::CUBE, 3.5, 1.0));
        assert_eq!(body.pose, pose_message(Pose2::new(1.5, 2.0, 0.5)));
        let way = &all(&m, "prediction")[0].points;
        assert_eq!((way.len(), way[0].y.to_bits()), (16, 2.0f64.to_bits()));
        let spreads: Vec<_> =
            all(&m, "prediction_spread").iter().map(|s| (s.pose.position.y, s.scale.x)).collect();
        let expected = [(3.0, 2.0), (4.0, 4.0), (5.0, 6.0)];
        assert!(
            spreads.iter().zip(expected).all(|(a, b)| (a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9)
        );
        assert_eq!((spreads.len(), all(&m, "ego").len(), all(&m, "reachable").len()), (3, 1, 0));
        assert!(
            m.markers
                .iter()
                .all(|m| m.lifetime.sec == 1 && m.header.frame_id == "map" || m.header.frame_id == "odom")
        );
    }

    #[test]
    fn who_is_lost_is_a_disc_and_no_point() {
        let m = marker_message(&model(vec![track(7, TrackState::Reachable)]));
        assert!((all(&m, "reachable")[0].scale.x - 2.0 * 1.75).abs() < 1e-12);
        assert!(
            all(&m, "track").is_empty() && all(&m, "body").is_empty() && all(&m, "covariance").is_empty()
        );
        assert_eq!(all(&m, "name")[0].text, "person 7 87%, unseen for 1.2 s");
    }

    #[test]
    fn nothing_is_beyond_the_limit_and_what_is_no_covariance_has_no_ellipse() {
        let mut tracks: Vec<_> =
            (0..3 * TRACK_LIMIT as u64).map(|id| track(id, TrackState::Confirmed)).collect();
        tracks[0].covariance[5] = -1.0;
        tracks[1].prediction_step_s = 0.0;
        tracks[2].prediction.clear();
        let m = marker_message(&model(tracks));
        assert!(m.markers.len() <= MARKER_LIMIT && all(&m, "track").len() == TRACK_LIMIT);
        assert_eq!(all(&m, "body").len(), TRACK_LIMIT);
        assert_eq!(all(&m, "covariance").len(), TRACK_LIMIT - 1);
        assert_eq!(all(&m, "prediction_spread").len(), SPREADS * (TRACK_LIMIT - 2));
        // No two of one kind share an id: the later would replace the earlier.
        let mut ids: Vec<_> = m.markers.iter().map(|m| (m.ns.clone(), m.id)).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), m.markers.len());
    }

    #[test]
    fn the_same_model_gives_the_same_bytes() {
        let bytes =
            || outrider_msgs::encode(&marker_message(&model(vec![track(1, TrackState::Coasting)]))).unwrap();
        assert_eq!(bytes(), bytes());
    }
}
