//! What of the node has to do with where the robot is: inertial messages, transforms, scans against the map, health.

use super::WorldModelNode;
use crate::beams::{Body, HitChoice, hits};
use crate::config::OwnMatching;
use crate::ego::{ImuReading, LocalisedBy};
use crate::matching::{Field, POINT_LIMIT};
use nalgebra::Matrix3;
use outrider_foundation::data::{EgoState, Imu, Scan, TransformStamped};
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Instant, Now, Pose2, Span, Stamp};

/// A lidar that `/tf_static` puts farther from where the robot's description has it is told of, in m and rad.
const PLACE_TOLERANCE_M: f64 = 0.02;
const PLACE_TOLERANCE_RAD: f64 = 0.02;
/// Name of the health of localisation among the sources.
pub(super) const LOCALISATION: &str = "localisation";

impl WorldModelNode {
    pub(super) fn take_imu(&mut self, now: Now, received: Instant, imu: &Imu) {
        let numbers = [imu.yaw_rate_radps, imu.yaw_rate_variance, imu.accel_x_mps2, imu.accel_y_mps2];
        let checked = if numbers.iter().any(|v| !v.is_finite()) || imu.yaw_rate_variance < 0.0 {
            Err("not finite, or a negative variance".to_owned())
        } else {
            self.sources.imu.check_stamp(imu.stamp, now)
        };
        if let Err(reason) = checked {
            self.sources.imu.reject(reason);
            return;
        }
        // The turn rate about a vertical axis is the same wherever the unit sits; its x axis has to be known for the rest.
        let base = self.robot.description.base_frame.as_str();
        let place = self.transforms.to_first(&imu.frame, &[base], imu.stamp).ok();
        self.counters.imu_without_place += u64::from(place.is_none());
        self.ego.push_imu(ImuReading {
            stamp: imu.stamp,
            rate_radps: imu.yaw_rate_radps,
            variance: imu.yaw_rate_variance,
            accel_mps2: place.map(|(_, base_from_imu)| {
                let (s, c) = libm::sincos(base_from_imu.yaw_rad);
                c * imu.accel_x_mps2 - s * imu.accel_y_mps2
            }),
        });
        self.sources.imu.accept(imu.stamp, received);
    }

    /// All go into the buffer. The localiser's is a source; odometry comes by its own topic, the lidar's place by the robot
    /// description.
    pub(super) fn take_transform(&mut self, now: Now, received: Instant, transform: &TransformStamped) {
        let frames = &self.robot.description;
        let of_localiser = transform.parent == frames.map_frame && transform.child == frames.odom_frame;
        if !of_localiser {
            self.counters.transforms_ignored += 1;
            self.take_other_transform(now, transform);
            return;
        }
        let checked = if transform.parent_from_child.is_finite() {
            self.sources.transform.check_stamp(transform.stamp, now)
        } else {
            Err("not finite".to_owned())
        };
        match checked {
            Ok(()) => {
                // AMCL stamps ahead: its first word holds from its arrival on, else it would be of no use until then.
                let first = !self.ego.knows_localiser();
                let stamp = if first { transform.stamp.min(now.ros) } else { transform.stamp };
                self.ego.push_localisation(stamp, transform.parent_from_child);
                self.sources.transform.accept(transform.stamp, received);
                self.buffer(transform, false);
            }
            Err(reason) => self.sources.transform.reject(reason),
        }
    }

    pub(super) fn take_static_transform(&mut self, transform: &TransformStamped) {
        self.buffer(transform, true);
        let frames = &self.robot.description;
        if transform.child != frames.lidar.frame || transform.parent != frames.base_frame {
            return;
        }
        let (told, known) = (transform.parent_from_child, self.robot.base_from_lidar);
        let off_m = told.position().distance_m(known.position());
        let off_rad = wrap_angle(told.yaw_rad - known.yaw_rad).abs();
        self.lidar_place_off = None;
        if off_m > PLACE_TOLERANCE_M || off_rad > PLACE_TOLERANCE_RAD {
            self.counters.lidar_place_disagrees += 1;
            let place = "the lidar's place by /tf_static and by the robot's description";
            self.lidar_place_off = Some(format!("{place} are {off_m:.3} m and {off_rad:.3} rad apart"));
        }
    }

    /// A transform that could not be decoded. Most are nobody's business here: a camera's optical frame is tilted by design. Those
    /// that say where odometry and lidar are, are told until a good one comes.
    pub(super) fn take_refused_transform(&mut self, parent: &str, child: &str, reason: &str) {
        self.refused(reason.to_owned());
        let frames = &self.robot.description;
        if parent == frames.map_frame && child == frames.odom_frame {
            self.sources.transform.reject(reason);
        } else if (parent == frames.odom_frame && child == frames.base_frame)
            || (parent == frames.base_frame && child == frames.lidar.frame)
        {
            self.needed_refused = Some((child.to_owned(), reason.to_owned()));
        }
    }

    /// One that is not the localiser's. Stamped far ahead it would shut out all that come after it.
    fn take_other_transform(&mut self, now: Now, transform: &TransformStamped) {
        let ahead = transform.stamp.since(now.ros);
        if ahead > Span::from_s(self.config.sources.transform.future_tolerance_s) {
            let (parent, child) = (&transform.parent, &transform.child);
            self.refused(format!("{parent} to {child}: stamp lies {:.3} s in the future", ahead.as_s()));
            return;
        }
        self.buffer(transform, false);
    }

    /// A refused transform is counted, and told by the diagnostics.
    fn buffer(&mut self, transform: &TransformStamped, fixed: bool) {
        let taken =
            if fixed { self.transforms.set_static(transform) } else { self.transforms.set(transform) };
        match taken {
            Err(error) => self.refused(error.to_string()),
            Ok(()) if self.needed_refused.as_ref().is_some_and(|(child, _)| *child == transform.child) => {
                self.needed_refused = None;
            }
            Ok(()) => {}
        }
    }

    fn refused(&mut self, reason: String) {
        self.counters.transforms_refused += 1;
        self.transform_refused = reason;
    }

    fn own_may_count(&self) -> bool {
        match self.config.ego.matching.own {
            OwnMatching::Never => false,
            OwnMatching::UntilALocaliserSpeaks => !self.localiser_has_spoken(),
            OwnMatching::WhenTheLocaliserIsSilent => true,
        }
    }

    pub(super) fn localiser_has_spoken(&self) -> bool {
        self.sources.transform.received() > 0
    }

    /// Who says where the robot is in the map, whether or not it fits.
    pub(super) fn claimed_by(&self, now: Now) -> Option<LocalisedBy> {
        if self.sources.transform.has_recent(now) {
            Some(LocalisedBy::Localiser)
        } else if self.own_may_count() && self.localisation.has_anchor() {
            Some(LocalisedBy::OwnMatching)
        } else {
            None
        }
    }

    /// The robot at a time; in the map only while that may be relied upon.
    pub(super) fn ego_at(&self, now: Now, at: Stamp) -> EgoState {
        let by = self.claimed_by(now).filter(|_| self.localisation.lost().is_none());
        self.ego.ego(at, by, &self.localisation)
    }

    /// The robot at a time, as uncertain as it will be when a command that rests on it acts.
    pub(super) fn ego_for_acting(&self, now: Now, at: Stamp) -> EgoState {
        let ego = self.ego_at(now, at);
        let acts = now.ros.max(at) + Span::from_s(self.robot.limits.actuator_delay_s);
        let covariance = self.ego_at(now, acts).covariance;
        EgoState { covariance, ..ego }
    }

    /// `odom_from_map`, for what is told in the map.
    pub(super) fn odom_from_map(&self, now: Now, at: Stamp) -> Result<Pose2, String> {
        let ego = self.ego_at(now, at);
        if !ego.localised {
            return Err(format!("frame '{}', but not localised", self.robot.description.map_frame));
        }
        Ok(ego.odom_from_base.then(ego.pose.inverse()))
    }

    /// Holds a scan, which has been checked, against the map: to find the robot, or to see whether the localiser's word fits.
    pub(super) fn localise(&mut self, now: Now, scan: &Scan) {
        let (Some(global), Ok(sample)) = (&self.global, self.ego.sample_clamped(scan.stamp)) else { return };
        let matching = &self.config.ego.matching;
        let localiser = self.sources.transform.has_recent(now);
        let own = self.own_may_count();
        if !localiser && !own {
            return;
        }
        let body = Body {
            footprint: &self.robot.footprint,
            margin_m: self.config.costmap.footprint_margin_m,
            base_from_lidar: self.robot.base_from_lidar,
        };
        let choice = HitChoice {
            range_max_m: matching.range_max_m,
            spacing_m: matching.spacing_m,
            limit: POINT_LIMIT,
        };
        hits(scan, sample.twist, self.robot.base_from_lidar, Some(body), choice, &mut self.hits);
        let (grid, distance_sq) = (global.map(), global.map_distance_sq());
        let field = Field {
            distance_sq,
            limit_sq: global.limit_sq(),
            width: grid.width,
            height: grid.height,
            resolution_m: grid.resolution_m,
            origin: grid.origin,
        };
        if localiser {
            let ego = self.ego.ego(scan.stamp, Some(LocalisedBy::Localiser), &self.localisation);
            if !ego.localised {
                return;
            }
            self.localisation.check(&self.hits, &field, ego.pose);
            if own && self.localisation.lost().is_none() {
                let covariance = Matrix3::from_row_slice(&ego.covariance);
                self.localisation.begin(ego.pose, covariance, sample.reckoned);
            }
            return;
        }
        if let Some(initial) =
            matching.initial_pose.filter(|_| self.begun_at.is_none() && !self.localisation.has_anchor())
        {
            self.begun_at = Some(sample.odom_from_base);
            self.localisation.begin_at(&initial, sample.reckoned);
        }
        if self.localisation.observe(&self.hits, &field, &sample.reckoned) {
            self.matched_at = Some(scan.stamp);
        }
    }

    pub(super) fn diagnose_ego(&self, told: &mut Vec<(&'static str, String)>) {
        let (r, l) = (self.ego.reckoner_counters(), self.localisation.counters());
        let slip = self.ego.slip(self.stamp);
        let lost = self.localisation.lost();
        let fit = self.localisation.last_fit();
        told.extend([
            ("wheel_steps_with_gyro", r.with_gyro.to_string()),
            ("wheel_steps_without_gyro", r.without_gyro.to_string()),
            ("slipping_turns", r.slipping_turns.to_string()),
            ("slipping_travels", r.slipping_travels.to_string()),
            ("slips_now", (slip.turning || slip.travel).to_string()),
            ("gyro_bias_radps", format!("{:.5}", self.ego.gyro_bias_radps())),
            ("scans_matched", l.matched.to_string()),
            ("scans_that_do_not_fit", l.misfits.to_string()),
            ("scans_with_too_few_hits", l.too_few_hits.to_string()),
            ("matches_with_hidden_directions", l.hidden_directions.to_string()),
            ("times_lost", l.times_lost.to_string()),
            ("scan_fit", fit.map_or("none".into(), |(share, _)| format!("{share:.3}"))),
            ("scan_residual_m", fit.map_or("none".into(), |(_, residual_m)| format!("{residual_m:.4}"))),
            ("localisation", lost.map_or("not lost".into(), |lost| lost.to_string())),
            ("transform_refused_last", self.transform_refused.clone()),
        ]);
    }
}
