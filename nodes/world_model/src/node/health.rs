//! How the node and its sources are: for the world model, and for who looks after the robot.

use super::WorldModelNode;
use super::localise::LOCALISATION;
use crate::ego::LocalisedBy;
use outrider_foundation::Now;
use outrider_foundation::data::{SourceState, SourceStatus};

impl WorldModelNode {
    /// What is wrong, for `/diagnostics`; `None` while all is well.
    pub fn complaint(&self) -> Option<String> {
        let now = self.last_now?;
        let mut list: Vec<String> = Vec::new();
        let localisation = self.localisation_state(now, self.ego_at(now, self.stamp.max(now.ros)).localised);
        // Without anybody who says where the robot is, nothing is amiss: it drives by its odometry.
        if matches!(localisation.status, SourceStatus::Stale | SourceStatus::Invalid) {
            list.push(format!("localisation: {}", localisation.reason));
        }
        for source in self.sources.all().into_iter().filter(|source| source.required()) {
            let state = source.state(now);
            if state.status != SourceStatus::Fresh {
                list.push(format!("{}: {}", state.name, state.reason));
            }
        }
        list.extend(self.lidar_place_off.clone());
        list.extend(self.needed_refused.as_ref().map(|(_, reason)| reason.clone()));
        (!list.is_empty()).then(|| list.join("; "))
    }

    /// All sources, localisation as one more; `localised` as the world model tells it.
    pub(super) fn source_states(&self, now: Now, localised: bool) -> Vec<SourceState> {
        let states = self.sources.all();
        let mut list = Vec::with_capacity(states.len() + 1);
        list.extend(states.iter().map(|source| source.state(now)));
        list.push(self.localisation_state(now, localised));
        list
    }

    /// Health of localisation, as one more source: invalid when it is lost.
    fn localisation_state(&self, now: Now, localised: bool) -> SourceState {
        let by = self.claimed_by(now);
        let transform_age_s = self.sources.transform.age_s(now);
        let age_s = match by {
            Some(LocalisedBy::OwnMatching) => {
                self.matched_at.map_or(f64::INFINITY, |at| now.ros.since(at).as_s().max(0.0))
            }
            _ => transform_age_s,
        };
        let (status, reason) = match (self.localisation.lost(), by) {
            (Some(lost), Some(_)) => (SourceStatus::Invalid, lost.to_string()),
            (None, Some(_)) if localised => (SourceStatus::Fresh, String::new()),
            (None, Some(_)) => (SourceStatus::Invalid, self.out_of_reach()),
            (_, None) if self.localiser_has_spoken() => {
                (SourceStatus::Stale, format!("lost: transform is {transform_age_s:.3} s old"))
            }
            (_, None) => {
                (SourceStatus::Missing, "no localiser has spoken, own matching has not begun".into())
            }
        };
        let counted = self.localisation.counters();
        SourceState {
            name: LOCALISATION.into(),
            status,
            age_s,
            rate_hz: 0.0,
            received: counted.matched,
            rejected: counted.misfits,
            reason,
        }
    }

    /// Why there is no pose in the map although somebody says where the robot is.
    fn out_of_reach(&self) -> String {
        let error = self.ego.sample_clamped(self.stamp).err();
        let error = error.or_else(|| self.ego.map_from_odom(self.stamp).err());
        error.map_or("lost: no pose in the map".into(), |error| format!("lost: {error}"))
    }
}
