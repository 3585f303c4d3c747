//! People who walk as somebody was once seen to walk: tracks that were recorded, in place of scripts.

use super::{Actor, Waypoint, World};
use crate::error::SimError;
use outrider_foundation::Pose2;
use serde::{Deserialize, Serialize};

/// Where somebody is who has not come yet, or has left: so far off along x, out of sight of everything, in m.
pub const AWAY_M: f64 = 9_000.0;
/// The most points of a track: room for the two jumps of one who leaves.
const POINT_LIMIT: usize = World::WAYPOINT_LIMIT - 2;

/// Where somebody was over time. Between two points the way is straight and even; the heading is that of the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedTrack {
    /// Name, as in the truth.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Not there before the first point and after the last; otherwise stands at these.
    #[serde(default)]
    pub leaves: bool,
    /// Time since the start in s, x and y in m in the map frame. Times rise strictly.
    #[schemars(length(min = 1, max = POINT_LIMIT))]
    pub points: Vec<[f64; 3]>,
}

impl RecordedTrack {
    /// The track as an actor.
    ///
    /// # Errors
    /// Names the track, the point and what is wrong with it.
    pub fn actor(&self, index: usize) -> Result<Actor, SimError> {
        let refuse = |reason: String| Err(SimError::Track { name: self.name.clone(), reason });
        if self.name.is_empty() || self.name.len() > 64 {
            return refuse("a name has 1 to 64 bytes".to_owned());
        }
        if self.points.is_empty() || self.points.len() > POINT_LIMIT {
            return refuse(format!("{} points, allowed are 1 to {POINT_LIMIT}", self.points.len()));
        }
        let mut before_s = -f64::MIN_POSITIVE;
        for (i, [t_s, x_m, y_m]) in self.points.iter().enumerate() {
            let far = |v: &f64| !v.is_finite() || v.abs() > World::EXTENT_LIMIT_M;
            if far(t_s) || far(x_m) || far(y_m) {
                return refuse(format!(
                    "point {i}: [{t_s}, {x_m}, {y_m}] is not finite or beyond {}",
                    World::EXTENT_LIMIT_M
                ));
            }
            if *t_s <= before_s {
                return refuse(format!("point {i}: its time {t_s} s does not follow {before_s} s"));
            }
            before_s = *t_s;
        }
        if self.leaves && self.points.len() < 2 {
            return refuse("with `leaves` and one point it is never there".to_owned());
        }
        Ok(Actor {
            name: self.name.clone(),
            world_from_script: Pose2::IDENTITY,
            waypoints: self.waypoints(index),
            repeats: false,
            delay_start_s: 0.0,
            auto_start: true,
        })
    }

    fn waypoints(&self, index: usize) -> Vec<Waypoint> {
        let mut yaw_rad = 0.0;
        let mut waypoints = Vec::with_capacity(self.points.len().saturating_add(2));
        let next = self.points.iter().skip(1).map(Some).chain([None]);
        for ([time_s, x_m, y_m], next) in self.points.iter().zip(next) {
            if let Some([_, nx_m, ny_m]) = next
                && libm::hypot(nx_m - x_m, ny_m - y_m) > 1e-3
            {
                yaw_rad = libm::atan2(ny_m - y_m, nx_m - x_m);
            }
            waypoints.push(Waypoint { time_s: *time_s, pose: Pose2::new(*x_m, *y_m, yaw_rad) });
        }
        if self.leaves {
            // Equal times are a jump. Everybody has a place of their own out there.
            let away = |time_s| Waypoint { time_s, pose: Pose2::new(AWAY_M, 10.0 * index as f64, 0.0) };
            let (first_s, last_s) = (waypoints.first().map(|w| w.time_s), waypoints.last().map(|w| w.time_s));
            waypoints.splice(0..0, first_s.map(away));
            waypoints.extend(last_s.map(away));
        }
        waypoints
    }
}

impl World {
    /// Puts these people in the place of everybody in the world file.
    ///
    /// # Errors
    /// Too many, or a track that is not sound.
    pub fn replace_people(&mut self, tracks: &[RecordedTrack]) -> Result<(), SimError> {
        if tracks.len() > Self::ACTOR_LIMIT {
            return Err(SimError::Limit { what: "people", limit: Self::ACTOR_LIMIT });
        }
        self.people_are_replaced = true;
        self.actors = tracks.iter().enumerate().map(|(i, t)| t.actor(i)).collect::<Result<_, _>>()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(points: &[[f64; 3]]) -> RecordedTrack {
        RecordedTrack { name: "p".into(), leaves: false, points: points.to_vec() }
    }

    #[test]
    fn people_pass_the_points_at_their_times() {
        let actor = track(&[[1.0, 0.0, 0.0], [3.0, 0.0, 4.0], [4.0, 0.0, 4.0]]).actor(0).unwrap();
        let at = |t| actor.motion_at(t);
        assert_eq!((at(0.0).pose.y_m, at(2.0).pose.y_m, at(2.0).v_mps), (0.0, 2.0, 2.0));
        assert_eq!((at(3.5).pose.y_m, at(3.5).v_mps, at(99.0).pose.y_m), (4.0, 0.0, 4.0));
        // Standing, they look where they went.
        assert!((at(3.5).pose.yaw_rad - std::f64::consts::FRAC_PI_2).abs() < 1e-12);
    }

    /// Also where a long leg ends in a bend: the velocity is that of the way.
    #[test]
    fn people_look_where_they_go() {
        let actor = track(&[[0.0, 0.0, 0.0], [10.0, 10.0, 0.0], [20.0, 10.0, 5.0], [30.0, 0.0, 5.0]])
            .actor(0)
            .unwrap();
        for (t_s, yaw_rad) in [(0.0, 0.0), (5.0, 0.0), (9.9, 0.0), (15.0, 0.5), (25.0, 1.0)] {
            assert!(
                (actor.motion_at(t_s).pose.yaw_rad - yaw_rad * std::f64::consts::PI).abs() < 1e-12,
                "{t_s}"
            );
        }
    }

    #[test]
    fn who_leaves_is_there_only_while_recorded() {
        let mut t = track(&[[1.0, 2.0, 0.0], [3.0, 3.0, 0.0]]);
        t.leaves = true;
        let actor = t.actor(2).unwrap();
        let x = |t| actor.motion_at(t).pose.x_m;
        assert_eq!((x(0.5), x(1.0), x(2.0), x(3.0)), (AWAY_M, 2.0, 2.5, AWAY_M));
    }

    #[test]
    fn tracks_that_are_none_are_refused() {
        let refusal = |points: &[[f64; 3]]| track(points).actor(0).unwrap_err().to_string();
        assert!(refusal(&[]).contains("0 points"), "{}", refusal(&[]));
        assert!(
            refusal(&[[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
                .contains("point 1: its time 0 s does not follow 0 s")
        );
        assert!(refusal(&[[-1.0, 0.0, 0.0]]).contains("point 0"));
        assert!(refusal(&[[0.0, f64::NAN, 0.0]]).contains("not finite"));
        assert!(refusal(&[[0.0, 0.0, 1e5]]).contains("beyond 10000"));
        assert!(refusal(&vec![[0.0; 3]; World::WAYPOINT_LIMIT]).contains("4096 points"));
        let many = vec![track(&[[0.0; 3]]); World::ACTOR_LIMIT + 1];
        assert!(World::default().replace_people(&many).unwrap_err().to_string().contains("people"));
    }
}
